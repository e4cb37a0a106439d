"""The number of threads to compute with."""

from __future__ import annotations

import os
from pathlib import Path

from barcodeembed.bundles.signals import signals_held


def use_threads(count: int | None) -> int:
    """Set the number of threads of torch and FAISS, by default all cores of this process.

    Returns the number.
    """
    count = count or available_cores()
    # Libraries that use OpenMP read this variable when they are loaded.
    os.environ["OMP_NUM_THREADS"] = str(count)
    with signals_held():
        from barcodeembed.model.devices import set_threads

        set_threads(count)
    return count


def available_cores() -> int:
    """Return the number of cores that the scheduler, the container and the batch system allow."""
    affinity = getattr(os, "sched_getaffinity", None)
    counts = [len(affinity(0)) if affinity else os.cpu_count() or 1]
    for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            counts.append(int(value))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        counts.append(max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return min(counts)
