"""The workflows give the table of one run, also if a worker is killed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import REPOSITORY, SIMULATED

WORKFLOWS = REPOSITORY / "workflows"
SNAKEFILE = WORKFLOWS / "snakemake" / "Snakefile"
SNAKEMAKE = shutil.which("snakemake")


@pytest.fixture
def program(tmp_path) -> dict[str, str]:
    """Return an environment in which ``barcodeembed`` runs this code."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "barcodeembed"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m barcodeembed "$@"\n')
    script.chmod(0o755)
    paths = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": paths}


def snakemake(folder: Path, program: dict[str, str], *words: object) -> None:
    done = subprocess.run(
        [SNAKEMAKE, "-s", str(SNAKEFILE), *map(str, words)],
        cwd=folder,
        env=program,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


#: Runs the Dask workflow on two workers, and kills one of them while it names a shard.
KILL_A_WORKER = """
import os, signal, sys, threading, time
from distributed import Client, LocalCluster

sys.path.insert(0, sys.argv[1])
import classify

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            pids = client.run(os.getpid)
            words = ["--scheduler", cluster.scheduler_address, *sys.argv[2:]]
            run = threading.Thread(target=classify.main, args=(words,))
            run.start()
            while not all(client.processing().values()):
                time.sleep(0.1)
            time.sleep(1)
            os.kill(list(pids.values())[0], signal.SIGKILL)
            run.join()
            assert set(client.run(os.getpid).values()) != set(pids.values())
"""


@pytest.mark.skipif(find_spec("distributed") is None, reason="Dask is not installed")
@pytest.mark.timeout(600)
def test_dask_loses_no_row_if_a_worker_is_killed(call, program, index_bundle, tmp_path):
    whole = call("classify", SIMULATED / "reads.fasta", "-i", index_bundle).out
    script, output = tmp_path / "kill.py", tmp_path / "names.tsv"
    script.write_text(KILL_A_WORKER)
    words = (SIMULATED / "reads.fasta", "-i", index_bundle, "--shards", 4, "-o", output)
    done = subprocess.run(
        [sys.executable, str(script), str(WORKFLOWS / "dask"), *map(str, words)],
        env=program,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0 and output.exists(), done.stderr
    assert output.read_text() == whole


@pytest.mark.skipif(SNAKEMAKE is None, reason="Snakemake is not installed")
@pytest.mark.timeout(600)
def test_snakemake_gives_the_table_of_one_run(call, program, index_bundle, tmp_path):
    whole = call("classify", SIMULATED / "reads.fasta", "-i", index_bundle).out
    settings = (f"reads={SIMULATED / 'reads.fasta'}", f"index={index_bundle}", "shards=3")
    words = ("--cores", 1, "--config", *settings, "threads=1", "output=out.tsv")
    snakemake(tmp_path, program, *words)
    assert (tmp_path / "out.tsv").read_text() == whole
    assert not list((tmp_path / "shards").glob("*"))


def test_every_setting_of_the_workflow_has_a_default():
    read = set(re.findall(r'config\["(\w+)"\]', SNAKEFILE.read_text()))
    written = (SNAKEFILE.parent / "config.yaml").read_text()
    assert read == set(re.findall(r"^(\w+):", written, re.M))
