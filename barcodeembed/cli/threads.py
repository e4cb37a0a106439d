"""The number of threads to compute with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from barcodeembed.bundles.signals import signals_held

#: Libraries read these variables when they are loaded: those that use OpenMP, the BLAS of NumPy and
#: SciPy (OpenBLAS, MKL, BLIS or Accelerate), and numba.
_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)

#: Variables with the number of cores of a task in SLURM, Grid Engine, LSF and PBS, and the one that
#: users set themselves.
_LIMITS = ("SLURM_CPUS_PER_TASK", "NSLOTS", "LSB_DJOB_NUMPROC", "NCPUS", "OMP_NUM_THREADS")


#: More threads than this, and than four for each core, are not started.
_MANY = 64


def prepare_threads(count: int | None) -> int | None:
    """Set the number of threads of libraries that are not loaded yet, and return it as given.

    This is the callback of ``--threads``, so it runs before a command imports NumPy.
    """
    threads = str(_bounded(count or available_cores()))
    os.environ.update(dict.fromkeys(_VARIABLES, threads))
    return count


def use_threads(count: int | None) -> int:
    """Set the number of threads of torch and FAISS, by default all cores of this process.

    Returns the number.
    """
    count = _bounded(count or available_cores())
    prepare_threads(count)
    with signals_held():
        from barcodeembed.model.devices import set_threads

        set_threads(count)
    return count


def _bounded(count: int) -> int:
    """Return a number of threads that a machine can start: OpenMP crashes if it cannot."""
    return min(count, max(_MANY, 4 * (os.cpu_count() or 1)))


def available_cores(root: Path = Path("/")) -> int:
    """Return the number of cores that the scheduler, the container and the batch system allow.

    ``root`` is the folder with the files of the kernel, ``proc`` and ``sys``.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    counts = [len(affinity(0)) if affinity else os.cpu_count() or 1, *_quotas(root)]
    for name in _LIMITS:
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            counts.append(int(value))
    return min(counts)


def _quotas(root: Path) -> Iterator[int]:
    """Yield the whole cores of each control group of this process that has a limit."""
    for folder in _groups(root):
        for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):  # versions 2 and 1
            try:
                text = " ".join((folder / name).read_text() for name in names)
                quota, period = map(int, text.split())
            except (OSError, ValueError):  # no such file, or "max": no limit
                continue
            if quota > 0 < period:
                yield max(1, quota // period)


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folders of the control groups of this process, and of those that contain them.

    In a container, its own group is usually the topmost that can be seen.
    """
    mounted = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = ["0::/"]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top = mounted
        elif "cpu" in controllers.split(","):
            top = mounted / "cpu"
        else:
            continue
        group = top / path.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))
