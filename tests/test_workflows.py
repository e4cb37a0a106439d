"""The Snakemake workflow gives the table of one run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import REPOSITORY, SIMULATED

SNAKEFILE = REPOSITORY / "workflows" / "snakemake" / "Snakefile"
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
