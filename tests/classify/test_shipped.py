"""The shipped model and prototypes: they classify offline, also from a wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import REPOSITORY, SIMULATED, rows_of

#: No proxy listens on port 9, so every request fails.
UNREACHABLE = dict.fromkeys(
    ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"],
    "http://127.0.0.1:9",
)


@pytest.fixture(scope="module")
def reads(tmp_path_factory) -> Path:
    """Write five simulated reads and one that is too short."""
    path = tmp_path_factory.mktemp("reads") / "reads.fa"
    lines = (SIMULATED / "reads.fasta").read_text().split("\n")
    path.write_text("\n".join(lines[:10]) + "\n>short\nACGT\n")
    return path


def offline(package: Path, folder: Path, *words: object) -> subprocess.CompletedProcess:
    """Run the command line of the package in ``package``, in another folder, without a network."""
    environment = {**os.environ, **UNREACHABLE, "PYTHONPATH": str(package)}
    return subprocess.run(
        [sys.executable, "-m", "barcodeembed", *map(str, words)],
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
        timeout=120,
    )


def check_names(done: subprocess.CompletedProcess, reads: Path) -> None:
    """Check that each record has a row, in order, and that the message names the reference."""
    assert done.returncode == 0, done.stderr
    ids = [line[1:] for line in reads.read_text().split("\n") if line.startswith(">")]
    rows = rows_of(done.stdout)
    assert [row["query_id"] for row in rows] == ids
    assert rows[-1]["flags"] == "short"
    assert {row["flags"] for row in rows[:-1]} == {"non_target"}  # simulated reads are not COI
    messages = done.stderr.splitlines()
    assert len(messages) == 3
    assert messages[0].startswith(
        "no --index: using the prototypes that ship with barcodeembed, which"
    )
    assert messages[1] == f"--marker auto: {len(rows)} unclassifiable"
    assert messages[0].endswith("; a taxon that they lack is reported as novel")


def test_classify_works_without_options(reads, tmp_path):
    check_names(offline(REPOSITORY, tmp_path, "classify", reads), reads)


@pytest.mark.slow
def test_quiet_prints_only_the_table(reads, tmp_path):
    done = offline(REPOSITORY, tmp_path, "classify", reads, "-q")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 7)


def test_embed_works_without_options(reads, tmp_path):
    done = offline(REPOSITORY, tmp_path, "embed", reads)
    assert done.returncode == 0
    rows = rows_of(done.stdout)
    assert len(rows) == 6
    assert [row["d1"] == "NA" for row in rows] == [False] * 5 + [True]


def test_info_describes_both(tmp_path):
    done = offline(REPOSITORY, tmp_path, "info")
    assert (done.returncode, done.stderr) == (0, "")
    model, _, index = done.stdout.partition("\n\n")
    assert model.startswith("kind                    model\n")
    assert index.startswith("kind                    index\n")
    fingerprint = next(
        line.split()[1] for line in model.splitlines() if line.startswith("fingerprint")
    )
    assert f"{fingerprint}:" in index


def test_a_wheel_contains_all_files(reads, tmp_path):
    source = tmp_path / "source"  # a build leaves folders next to its source
    shutil.copytree(
        REPOSITORY / "barcodeembed",
        source / "barcodeembed",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    script = "import sys, setuptools.build_meta as it; it.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=source, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    shutil.rmtree(source)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = subprocess.run(
        [sys.executable, "-c", "import barcodeembed; print(barcodeembed.__file__)"],
        text=True,
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "unpacked")},
        capture_output=True,
        check=True,
    )
    assert Path(where.stdout).is_relative_to(tmp_path / "unpacked")
    named = offline(tmp_path / "unpacked", elsewhere, "classify", reads)
    check_names(named, reads)
    (elsewhere / "names.tsv").write_text(named.stdout)
    page = offline(tmp_path / "unpacked", elsewhere, "report", "names.tsv", "--to", "html")
    assert page.returncode == 0, page.stderr
    assert page.stdout.rstrip().endswith("</html>")


@pytest.mark.slow
def test_an_index_of_the_shipped_model_is_not_whitened_by_default(call, tmp_path):
    references = tmp_path / "references.fasta"
    lines = (SIMULATED / "reference.fasta").read_text().splitlines(keepends=True)
    references.write_text("".join(lines[:400]))
    for words, width in (((), 0), (("--whiten", 16), 16)):
        made = call("index", "build", references, "-o", tmp_path / "made.bix", *words)
        assert made.code == 0, made
        config = json.loads((tmp_path / "made.bix" / "config.json").read_text())
        assert config["whitening"] == width
