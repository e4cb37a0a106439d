"""``--threads``: all libraries, and what the container and the batch system allow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import SIMULATED

from barcodeembed.cli import threads

CORES = 64


@pytest.fixture(autouse=True)
def many_cores(monkeypatch):
    """A machine with many cores, on which nothing limits their number."""
    for name in threads._LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(CORES)), raising=False)


def limit(folder: Path, name: str, text: str) -> None:
    path = folder / "sys/fs/cgroup" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def groups(folder: Path, text: str) -> None:
    (folder / "proc/self").mkdir(parents=True, exist_ok=True)
    (folder / "proc/self/cgroup").write_text(text + "\n")


def test_more_threads_than_a_machine_can_start_are_not_started(monkeypatch):
    """OpenMP crashes if it cannot start them."""
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert [threads._bounded(count) for count in (1, 64, 1_000_000)] == [1, 64, 64]
    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    assert threads._bounded(1_000_000) == 512
    threads.prepare_threads(1_000_000)
    assert os.environ["OMP_NUM_THREADS"] == "512"


def test_without_limits_all_cores(tmp_path):
    assert threads.available_cores(tmp_path) == CORES
    groups(tmp_path, "0::/")
    limit(tmp_path, "cpu.max", "max 100000")
    assert threads.available_cores(tmp_path) == CORES


@pytest.mark.parametrize(
    ("quota", "cores"), [("400000 100000", 4), ("350000 100000", 3), ("50000 100000", 1)]
)
def test_the_quota_of_a_container(tmp_path, quota, cores):
    groups(tmp_path, "0::/")
    limit(tmp_path, "cpu.max", quota)
    assert threads.available_cores(tmp_path) == cores


def test_the_quota_of_a_group_that_contains_the_process(tmp_path):
    groups(tmp_path, "0::/system.slice/slurm/job_7/step_0")
    limit(tmp_path, "system.slice/slurm/job_7/cpu.max", "600000 100000")
    limit(tmp_path, "system.slice/slurm/job_7/step_0/cpu.max", "max 100000")
    assert threads.available_cores(tmp_path) == 6


def test_the_quota_of_version_1(tmp_path):
    groups(tmp_path, "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/docker/abc")
    limit(tmp_path, "cpu/cpu.cfs_quota_us", "200000")
    limit(tmp_path, "cpu/cpu.cfs_period_us", "100000")
    assert threads.available_cores(tmp_path) == 2
    limit(tmp_path, "cpu/cpu.cfs_quota_us", "-1")
    assert threads.available_cores(tmp_path) == CORES


@pytest.mark.parametrize("name", threads._LIMITS)
def test_the_cores_of_a_batch_job(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "8")
    assert threads.available_cores(tmp_path) == 8
    monkeypatch.setenv(name, "8(x2)")
    assert threads.available_cores(tmp_path) == CORES


CHECK = """
import sys
from barcodeembed.cli import options, threads
assert "numpy" not in sys.modules
import typer
app = typer.Typer()

@app.command()
def show(count: options.Threads = None):
    threads.use_threads(count)
    import faiss, numpy, scipy.linalg, torch
    from threadpoolctl import threadpool_info
    print(torch.get_num_threads(), faiss.omp_get_max_threads(),
          *sorted(pool["num_threads"] for pool in threadpool_info()))

app()
"""


@pytest.mark.parametrize("given", ["--threads", "SLURM_CPUS_PER_TASK"])
def test_all_libraries_use_as_many_threads(given):
    pytest.importorskip("threadpoolctl")
    environment = {name: value for name, value in os.environ.items() if name not in threads._LIMITS}
    words, cores = (["-t", "1"], "2") if given == "--threads" else ([], "1")
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *words],
        env=environment | {"SLURM_CPUS_PER_TASK": cores},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    counts = done.stdout.split()
    assert len(counts) >= 4 and set(counts) == {"1"}, counts


IMPORTS = """
import importlib.abc, sys
order = []

class Note(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in ("torch", "faiss"):
            order.append(name)

sys.meta_path.insert(0, Note())
from barcodeembed.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code
with open("/proc/self/maps") as maps:
    copies = {line.split()[-1] for line in maps if "omp" in line.split()[-1].rsplit("/")[-1]}
print(*order, len(copies), file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for libraries in /proc")
@pytest.mark.parametrize("count", [1, 2])
def test_two_copies_of_openmp_give_the_same_rows(count, call, index_bundle, tmp_path):
    """torch and FAISS each bring their own. torch is always loaded first."""
    reads = tmp_path / "reads.fasta"
    reads.write_text("".join((SIMULATED / "reads.fasta").read_text().partition(">read_009")[0]))
    words = ("classify", reads, "-i", index_bundle, "-q")
    environment = {name: v for name, v in os.environ.items() if not name.startswith("KMP_")}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *map(str, words), "-t", str(count)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    *order, copies = done.stderr.split()
    assert order == ["torch", "faiss"] and int(copies) >= 1
    assert done.stdout == call(*words).out
