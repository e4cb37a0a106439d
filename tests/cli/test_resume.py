"""``--resume``: a run that was killed or failed goes on, and its output is that of one run."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from support import SIMULATED, command, rows_of, run_here

READS = SIMULATED / "reads.fasta"
TEXT = READS.read_text()
HEADERS = [i for i in range(len(TEXT)) if TEXT.startswith(">", i)]

#: Records of a block, and the number of records before the run stops.
BLOCK, STOP = 20, 65


def journal(output: Path) -> dict:
    """Return the state of an unfinished output; empty if there is none."""
    try:
        return json.loads(Path(f"{output}.part", "journal.json").read_text())["state"]
    except FileNotFoundError:
        return {}


@pytest.fixture
def broken(tmp_path) -> Path:
    """Write reads that are damaged after the first few blocks."""
    path = tmp_path / "broken.fasta"
    path.write_text(TEXT[: HEADERS[STOP]] + ">x\nACGT>y\n")
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory, index_bundle) -> Path:
    """Return the folder of what one run writes: the names, and their hits."""
    folder = tmp_path_factory.mktemp("whole")
    words = ("-o", folder / "names.tsv", "--hits", folder / "hits.tsv.gz", "-q")
    assert run_here("classify", READS, "-i", index_bundle, *words) == 0
    return folder


@pytest.mark.timeout(600)
def test_a_killed_run_goes_on(call, index_bundle, tmp_path, whole):
    """A run is terminated, goes on, is killed, and goes on again."""
    output, hits = tmp_path / "names.tsv", tmp_path / "hits.tsv.gz"
    words = ("-i", index_bundle, "--hits", hits, "--resume", "--batch-size", BLOCK)
    kept = 0
    for sign, stop in ((signal.SIGTERM, 45), (signal.SIGKILL, 105)):
        process = subprocess.Popen(
            command("classify", "-", *words, "-o", output),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        process.stdin.write(TEXT[: HEADERS[stop]])
        process.stdin.flush()
        deadline = time.monotonic() + 250
        while journal(output).get("done", 0) < kept + BLOCK and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(sign)
        _, err = process.communicate(timeout=60)
        before, kept = kept, journal(output)["done"]
        assert before + BLOCK <= kept <= stop and kept % BLOCK == 0
        assert not output.exists() and not hits.exists()
        if sign != signal.SIGKILL:
            assert f"names.tsv.part: {kept} records are kept for --resume" in err
    packed = tmp_path / "reads.fasta.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    done = call("classify", packed, *words, "-o", output)
    assert done.code == 0 and f"{kept} records are done" in done.err
    assert not Path(f"{output}.part").exists()
    assert output.read_bytes() == (whole / "names.tsv").read_bytes()
    assert hits.read_bytes() == (whole / "hits.tsv.gz").read_bytes()
    statuses = Counter(row["status"] for row in rows_of(output.read_text()))
    assert f"{len(HEADERS)} records: " in done.err.splitlines()[-1]
    assert all(f"{count} {status}" in done.err for status, count in statuses.items())


@pytest.mark.parametrize("suffix", ["npy", "npz", "parquet", "tsv.gz"])
def test_embed_goes_on_after_an_error(call, model_bundle, tmp_path, broken, suffix):
    output, whole = tmp_path / f"vectors.{suffix}", tmp_path / f"whole.{suffix}"
    words = ("-m", model_bundle, "--batch-size", BLOCK)
    failed = call("embed", broken, *words, "-o", output, "--resume")
    assert failed.code == 1 and "60 records are kept" in failed.err and not output.exists()
    done = call("embed", READS, *words, "-o", output, "--resume")
    assert done.code == 0 and "60 records are done" in done.err
    plain = call("embed", READS, *words, "-o", whole)
    assert output.read_bytes() == whole.read_bytes()
    assert done.err.splitlines()[-1] == plain.err.splitlines()[-1]
    assert done.err.count("2 records have no vector") == 1
    if suffix == "npy":
        one, other = (Path(f"{path}.ids.tsv") for path in (output, whole))
        assert one.read_bytes() == other.read_bytes()


def test_a_shard_goes_on(call, index_bundle, tmp_path, broken):
    words = ("-i", index_bundle, "--shard", "2/3", "--batch-size", 10, "--resume")
    output = tmp_path / "2.tsv"
    assert call("classify", broken, *words, "-o", output).code == 1
    assert 0 < journal(output)["done"] < 40
    assert call("classify", READS, *words, "-o", output).code == 0
    assert call("classify", READS, *words[:-1], "-o", tmp_path / "other.tsv").code == 0
    assert output.read_bytes() == (tmp_path / "other.tsv").read_bytes()
    assert Path(f"{output}.shard.json").exists()


def test_what_was_written_after_the_last_block_is_cut_off(
    call, index_bundle, tmp_path, broken, whole
):
    output = tmp_path / "names.tsv"
    words = ("-i", index_bundle, "-o", output, "--resume", "--batch-size", BLOCK)
    assert call("classify", broken, *words).code == 1
    with open(f"{output}.part/rows", "a") as rows:
        rows.write("read_061\tassig")
    assert call("classify", READS, *words).code == 0
    assert output.read_bytes() == (whole / "names.tsv").read_bytes()


def test_another_run_is_refused(call, index_bundle, tmp_path, broken):
    output = tmp_path / "names.tsv"
    words = ("-i", index_bundle, "-o", output, "--resume", "--batch-size", BLOCK)
    assert call("classify", broken, *words).code == 1
    before = journal(output)
    done = call("classify", READS, *words, "--top-k", 5)
    assert done.code == 1 and "names.tsv.part: is of a run with another top-k" in done.err
    done = call("classify", READS, *words, "--hits", tmp_path / "hits.tsv")
    assert done.code == 1 and "names.tsv.part: is of a run with another files" in done.err
    other = tmp_path / "other.fasta"
    other.write_text(TEXT[HEADERS[1] :])
    done = call("classify", other, *words)
    assert done.code == 1 and "records are not those of the interrupted run" in done.err
    other.write_text(TEXT[: HEADERS[STOP - 10]])
    done = call("classify", other, *words)
    assert done.code == 1 and "records are not those of the interrupted run" in done.err
    assert journal(output)["done"] == before["done"] and not output.exists()
    (tmp_path / "names.tsv.part" / "rows").write_text("")
    done = call("classify", READS, *words)
    assert done.code == 1 and "rows: damaged" in done.err


def test_a_folder_of_something_else_is_left_alone(call, index_bundle, tmp_path):
    folder = tmp_path / "names.tsv.part"
    folder.mkdir()
    (folder / "thesis.doc").write_text("mine")
    done = call("classify", READS, "-i", index_bundle, "-o", tmp_path / "names.tsv", "--resume")
    assert done.code == 1 and "is not the unfinished output of a run" in done.err
    assert [path.name for path in folder.iterdir()] == ["thesis.doc"]


def test_an_empty_input(call, index_bundle, tmp_path):
    empty = tmp_path / "empty.fasta"
    empty.write_text("")
    output = tmp_path / "names.tsv"
    assert call("classify", empty, "-i", index_bundle, "-o", output, "--resume").code == 0
    assert output.read_text() == call("classify", empty, "-i", index_bundle).out
