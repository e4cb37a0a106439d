"""``classify`` with unusual inputs, formats, environments and interruptions."""

from __future__ import annotations

import ctypes
import gzip
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from Bio.Seq import reverse_complement
from odd_files import CASES, PLAIN, Case
from support import (
    REPOSITORY,
    SHARED,
    SIMULATED,
    Result,
    command,
    files_in,
    rows_of,
    run_here,
)

from barcodeembed.classify.quality import FLAGS
from barcodeembed.errors import InputError
from barcodeembed.sequences.reading import read_records
from barcodeembed.vocabulary import STATUSES

REASONS = {"non_target", "empty", "short", "too_long", "low_information"}


@pytest.fixture(scope="session")
def plain_rows(tmp_path_factory, index_bundle) -> list[dict[str, str]]:
    """Return the rows of PLAIN; many of the unusual files are PLAIN in another form."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "plain.fa").write_bytes(PLAIN)
    out = folder / "out.tsv"
    assert run_here("classify", folder / "plain.fa", "-i", index_bundle, "-o", out, "-q") == 0
    return rows_of(out.read_text())


@pytest.fixture
def classify(call, index_bundle, tmp_path):
    """Classify a file, with output to an empty directory; return the result and the table."""

    def classify(path: Path | str, *options: object) -> tuple[Result, str | None]:
        folder = tmp_path / "out"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        before = files_in(tmp_path)
        result = call("classify", path, "-i", index_bundle, "-o", folder / "out.tsv", *options)
        assert result.out == ""
        assert files_in(tmp_path) - before <= {folder / "out.tsv"}, "something was left behind"
        written = folder / "out.tsv"
        return result, written.read_text("utf-8") if written.exists() else None

    return classify


def check_table(text: str) -> list[dict[str, str]]:
    """Assert properties of every table, and return its rows."""
    rows = rows_of(text)
    for row in rows:
        assert not {"", "nan", "None"} & set(row.values())
        assert row["status"] in STATUSES
        refused = REASONS & set(row["flags"].split(";"))
        assert (row["status"] == "unclassifiable") == bool(refused)
        for name, value in row.items():
            if name.endswith("confidence") or name in ("similarity", "identity"):
                assert value == "NA" or re.fullmatch(r"-?\d+\.\d{4}", value), name
    return rows


def plain_flags(row: dict[str, str]) -> list[str]:
    """Return the flags that depend only on the letters; most files contain random bases."""
    flags = [flag for flag in row["flags"].split(";") if flag not in {"NA", *FLAGS}]
    return [";".join(flags)] if flags else []


@pytest.mark.filterwarnings("default::barcodeembed.errors.InputWarning")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_gives_its_rows_or_a_one_line_error(case: Case, classify, tmp_path, plain_rows):
    (tmp_path / case.name).write_bytes(case.content)
    # All records are in one batch, so that an error is raised before anything is embedded.
    result, text = classify(tmp_path / case.name, "--batch-size", 4_000)
    if case.error is not None:
        assert (result.code, text) == (1, None)
        assert result.err.count("\n") == 1
        assert result.err.startswith("barcodeembed: error: ")
        assert case.name in result.err
        assert re.search(case.error, result.err), result.err
        return
    assert result.code == 0, result.err
    rows = check_table(text)
    ids_and_flags = [" ".join([row["query_id"], *plain_flags(row)]) for row in rows]
    assert ids_and_flags == case.rows
    warnings = [line for line in result.err.splitlines() if "warning" in line]
    assert len(warnings) == (case.warning is not None)
    assert not case.warning or re.search(case.warning, warnings[0])
    if case.as_plain:
        assert rows == plain_rows


#: The expected result for the files of ../shared/reliability/make_corpus.py that are not only read:
#: the records, or the error.
SHARED_CORPUS = {
    "01_empty.fa": 0,
    "02_only_newlines.fa": 0,
    "03_no_header.fa": ":1: .*first header",
    "04_header_only.fa": 1,
    "05_empty_seq_middle.fa": 3,
    "11_mixed_case.fa": 1,
    "12_rna_u.fa": 1,
    "13_iupac.fa": 1,
    "14_gaps_dash.fa": 1,
    "15_gaps_dot.fa": 1,
    "16_inosine_x_star.fa": ":2 .*character 'X'",
    "17_protein.fa": ":2 .*protein",
    "18_digits_spaces.fa": 1,
    "20_empty_id.fa": 2,
    "21_space_after_gt.fa": 1,
    "22_tab_in_header.fa": 1,
    "23_pipe_sintax_id.fa": 1,
    "24_utf8_id.fa": 1,
    "25_latin1_id.fa": ":1: byte 0xf6",
    "27_utf16.fa": "UTF-16",
    "28_nul_in_seq.fa": r":2 .*\\x00",
    "29_nul_in_id.fa": ":1: control character",
    "30_random_bytes.fa": "binary data",
    "31_gt_inside_seq.fa": ":2 .*newline missing",
    "33_blank_lines.fa": 2,
    "34_trailing_space.fa": 1,
    "35_long_id.fa": ":1: the header is over",
    "36_short_1bp.fa": 1,
    "37_all_n.fa": 1,
    "38_huge_seq.fa": 1,
    "39_fastq.fa": 1,
    "40_fastq_truncated.fq": ":1: not valid FASTQ",
    "41_fastq_len_mismatch.fq": ":1: not valid",
    "42_html.fa": "HTML page",
    "51_trunc_half.fa.gz": "truncated gzip after record r",
    "52_trunc_trailer.fa.gz": "truncated gzip",
    "53_bitflip.fa.gz": "damaged gzip",
    "54_bad_crc.fa.gz": "damaged gzip",
    "55_multimember.fa.gz": 3_003,
    "56_trailing_garbage.fa.gz": "damaged gzip",
    "57_trailing_zeros.fa.gz": 3_000,
    "62_empty.fa.gz": 0,
    "63_empty_content.fa.gz": 0,
    "64_trunc_plain_mid_record.fa": 1_501,
    "90_big.fa": 3_000,
}


@pytest.fixture(scope="session")
def shared_corpus(tmp_path_factory) -> Path:
    script = SHARED / "reliability" / "make_corpus.py"
    if not script.is_file():
        pytest.skip(f"the shared corpus of unusual files is not at {script}")
    folder = tmp_path_factory.mktemp("shared_corpus")
    arguments, sys.argv = sys.argv, [str(script), str(folder)]
    try:
        runpy.run_path(str(script))
    finally:
        sys.argv = arguments
    return folder


@pytest.mark.filterwarnings("ignore::barcodeembed.errors.InputWarning")
def test_the_shared_corpus_is_read_or_refused_as_expected(shared_corpus, classify):
    paths = sorted(shared_corpus.iterdir())
    assert len(paths) >= 59
    for path in paths:
        expected = SHARED_CORPUS.get(path.name, 3)
        if isinstance(expected, str):
            with pytest.raises(InputError, match=expected) as refused:
                list(read_records(path))
            assert path.name in str(refused.value)
        else:
            assert len(list(read_records(path))) == expected, path.name
        if path.stat().st_size < 100_000:
            result, text = classify(path)
            assert result.code == isinstance(expected, str), (path.name, result.err)
            assert text is None or len(check_table(text)) == expected, path.name


# The same barcodes give the same bytes, however they are written, read and computed.


@pytest.fixture(scope="session")
def reads() -> list[tuple[str, str]]:
    """Return two dozen simulated reads of every kind."""
    lines = (SIMULATED / "reads.fasta").read_text().split("\n")
    records = list(zip((head[1:] for head in lines[::2]), lines[1::2], strict=False))
    return [*records[::5], ("too_short", "ACGTN" * 9), ("nothing", "")]


def fasta(records: list[tuple[str, str]]) -> str:
    return "".join(f">{name}\n{letters}\n" for name, letters in records)


def wrap(letters: str, width: int) -> str:
    return "\n".join(letters[i : i + width] for i in range(0, len(letters), width))


def gap(letters: str) -> str:
    return "--" + "-.-".join(letters[i : i + 50] for i in range(0, len(letters), 50)) + ".."


WRITINGS = {
    "lower case": lambda records: fasta([(i, s.lower()) for i, s in records]),
    "mixed case": lambda records: fasta([(i, s[:300].lower() + s[300:]) for i, s in records]),
    "U for T": lambda records: fasta([(i, s.replace("T", "U")) for i, s in records]),
    "gaps": lambda records: fasta([(i, gap(s)) for i, s in records]),
    "wrapped at 60": lambda records: fasta([(i, wrap(s, 60)) for i, s in records]),
    "wrapped at 7": lambda records: fasta([(i, wrap(s, 7)) for i, s in records]),
    "CRLF": lambda records: fasta(records).replace("\n", "\r\n"),
    "CR": lambda records: fasta(records).replace("\n", "\r"),
    "descriptions": lambda records: fasta([(f"{i} of some kind", s) for i, s in records]),
    "FASTQ": lambda records: "".join(f"@{i}\n{s}\n+\n{'#' * len(s)}\n" for i, s in records),
    "TSV": lambda records: "nuc\tsampleid\n" + "".join(f"{s}\t{i}\n" for i, s in records),
    "quoted CSV": lambda records: (
        "id,country,nuc\n" + "".join(f'"{i}","a ""b"", c","{s}"\n' for i, s in records)
    ),
    "gzip": lambda records: gzip.compress(fasta(records).encode()),
    "gzip members": lambda records: b"".join(
        gzip.compress(fasta([record]).encode()) for record in records
    ),
}


@pytest.fixture
def table(classify, reads, tmp_path):
    """Classify reads that are written in some form, and return the table."""

    def table(content: str | bytes, *options: object) -> str:
        path = tmp_path / "reads"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        result, text = classify(path, *options)
        assert result.code == 0, result.err
        return text

    return table


@pytest.mark.parametrize("writing", WRITINGS)
def test_the_formatting_of_the_reads_changes_no_byte(writing, reads, table):
    """With one error rate: that of FASTQ would be from its qualities, and others are estimated."""
    rate = ("--read-errors", 0)
    assert table(WRITINGS[writing](reads), *rate) == table(fasta(reads), *rate)


@pytest.mark.parametrize("batch_size", [1, 7, 1_000])
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_and_threads_change_no_byte(
    batch_size, threads, reads, call, index_bundle, tmp_path
):
    (tmp_path / "reads").write_text(fasta(reads))

    def tables(name: str, *options: object) -> tuple[str, str]:
        result = call(
            "classify", tmp_path / "reads", "-i", index_bundle, "--hits", tmp_path / name, *options
        )
        assert result.code == 0
        return result.out, (tmp_path / name).read_text()

    expected = tables("expected")
    assert all(text.count("\n") > 20 for text in expected)
    assert tables("found", "--batch-size", batch_size, "-t", threads) == expected


def test_parts_of_a_file_give_parts_of_the_table(reads, table):
    header, *rows = table(fasta(reads)).splitlines()
    parts = [table(fasta(reads[start : start + 9])).splitlines() for start in range(0, 27, 9)]
    assert [part[0] for part in parts] == [header] * 3
    assert [row for part in parts for row in part[1:]] == rows


def test_standard_input_and_a_fifo_give_the_same_table_as_a_file(
    reads, table, call, index_bundle, tmp_path, monkeypatch
):
    expected = table(fasta(reads))
    packed = gzip.compress(fasta(reads).encode())
    (tmp_path / "packed").write_bytes(packed)
    with open(tmp_path / "packed") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert call("classify", "-", "-i", index_bundle).out == expected
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=(tmp_path / "fifo").write_bytes, args=(packed,))
    writer.start()
    result = call("classify", tmp_path / "fifo", "-i", index_bundle)
    writer.join()
    assert result.out == expected


def test_the_other_strand_gives_the_same_row_except_for_the_strand(reads, table):
    reversed_reads = [(name, reverse_complement(letters)) for name, letters in reads]  # Biopython's
    for row, other in zip(
        rows_of(table(fasta(reads))), rows_of(table(fasta(reversed_reads))), strict=True
    ):
        assert other["strand"] == {"+": "-", "-": "+", "NA": "NA"}[row["strand"]]
        assert {**row, "strand": ""} == {**other, "strand": ""}


def test_an_unusual_environment_changes_no_byte(reads, table, run, index_bundle, tmp_path):
    """No home, no UTF-8, a narrow dumb terminal, another time zone, invalid OpenMP settings."""
    named = [(f"größe_{name}", letters) for name, letters in reads]
    expected = table(fasta(named))
    with open(tmp_path / "reads") as stream:
        result = run(
            "classify",
            "-",
            "-i",
            index_bundle,
            stdin=stream,
            env={
                "PATH": os.environ["PATH"],
                "LC_ALL": "C",
                "PYTHONUTF8": "0",
                "TERM": "dumb",
                "PYTHONIOENCODING": "ascii",
                "COLUMNS": "20",
                "TZ": "Asia/Tokyo",
                "OMP_NUM_THREADS": "abc",
                "HTTPS_PROXY": "http://127.0.0.1:9",
            },
        )
    assert result.code == 0, result.err
    assert result.out == expected


def obey_modes() -> None:
    """Drop the capability of root to write to read-only files (CAP_DAC_OVERRIDE)."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="gives up a right that only Linux knows")
def test_read_only_inputs_are_not_changed(run, index_bundle, reads, tmp_path):
    """Nothing is written next to the reads or into the index, not even by pyfastx."""
    try:
        shutil.copytree(index_bundle, tmp_path / "in" / "references.bix")
        (tmp_path / "in" / "reads.fa").write_text(fasta(reads))
        for path in files_in(tmp_path / "in") | {tmp_path / "in"}:
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = files_in(tmp_path / "in")
        index = tmp_path / "in" / "references.bix"
        arguments = ("classify", tmp_path / "in" / "reads.fa", "-i", index)
        result = run(*arguments, "-o", tmp_path / "out.tsv", preexec_fn=obey_modes)
        assert result.code == 0, result.err
        assert files_in(tmp_path / "in") == before
        refused = run(*arguments, "-o", tmp_path / "in" / "out.tsv", preexec_fn=obey_modes)
        assert refused.code == 1
        assert "out.tsv: cannot be written: Permission denied" in refused.err
        assert refused.err.count("\n") == 1
    finally:
        for path in files_in(tmp_path):
            path.chmod(0o755)


# A command that is killed.


KILLER = """
import json, os, random, shutil, signal, sys, time
from pathlib import Path
import faiss, torch, pyfastx, scipy.optimize  # so that a child is killed at work, not at loading
from barcodeembed.bundles.manifest import digest_file
from barcodeembed.bundles.swap import restore_old
from barcodeembed.cli import main

times, how, folder, old, *commands = sys.argv[1:]
how, folder, old = getattr(signal, how), Path(folder), Path(old)
random.seed(0)

def start(command):
    child = os.fork()
    if not child:
        try:
            main([*command.split(), "-q", "-t", "1"])
        except SystemExit as ended:
            os._exit(ended.code or 0)
    return child

def contents():
    restore_old(folder / "some.bix")  # as every command does that opens it
    # A temporary file can remain, and so can a lock file, which no longer locks.
    files = (f for f in folder.rglob("*") if f.is_file())
    found = {str(f.relative_to(folder)): digest_file(f) for f in files}
    return {name: digest for name, digest in found.items() if name[0] != "."}

def restore(before):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(old, folder) if before else folder.mkdir()
    return contents()

for command in commands:
    restore(False)
    began = time.monotonic()
    assert os.waitpid(start(command), 0)[1] == 0
    took = time.monotonic() - began
    complete = contents()
    for turn in range(int(times)):
        before = restore(turn % 2)
        child = start(command)
        time.sleep(random.uniform(0, 1.2 * took))
        os.kill(child, how)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if how != signal.SIGKILL:
            assert code in (0, 128 + how, -how), code  # -how: the program had not begun
            assert not [f for f in folder.rglob(".*") if f.suffix != ".lock"], (turn, code)
        found = contents()
        # The second file of a pair is absent rather than next to another version of the first.
        states = [
            {n: d for n, d in state.items() if n in found or "hits" not in n and "ids" not in n}
            for state in (before, before | complete)
        ]
        assert found in states, (command, turn, found, before, complete)
    print("complete", flush=True)
"""

KILLED = {
    "classify": "classify READS -i INDEX -o OUT/names.tsv --hits OUT/hits.tsv",
    "embed": "embed READS -m MODEL -o OUT/v.npy",
    "index build": "index build REFERENCES -m MODEL -o OUT/some.bix",
    "index add": "index add INDEX REFERENCES -o OUT/some.bix",
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory, model_bundle, reads) -> dict[str, Path]:
    """Return what the commands of KILLED read, and a folder with old outputs of all of them."""
    folder = tmp_path_factory.mktemp("killed")
    many = [*reads, *((f"short_{i}", "ACGT") for i in range(2_000))]
    (folder / "reads.fa").write_text(fasta(many))
    for name, taxa in (("first", ("Apis", "Bombus")), ("second", ("Osmia", "Andrena"))):
        (folder / f"{name}.fa").write_text(
            "".join(
                f">{taxon};tax=f:Apidae,g:{taxon};\n{bases}\n"
                for taxon, (_, bases) in zip(taxa, reads[name == "first" :: 2], strict=False)
            )
        )
    index = folder / "first.bix"
    words = ("index", "build", folder / "first.fa", "-m", model_bundle, "-o", index, "-q")
    assert run_here(*words) == 0
    old = folder / "old"
    shutil.copytree(index, old / "some.bix")
    for name in ("names.tsv", "hits.tsv", "v.npy", "v.npy.ids.tsv"):
        (old / name).write_text("old")
    return {
        "READS": folder / "reads.fa",
        "INDEX": index,
        "MODEL": model_bundle,
        "REFERENCES": folder / "second.fa",
        "OUT": folder / "out",
        "old": old,
    }


#: Kills of each command by `pytest -m slow`.
MANY = int(os.environ.get("KILLS", 50))


def kill_all(commands: Iterable[str], how: str, times: int, killed: dict[str, Path]) -> None:
    """Run KILLER. After kill -9 a temporary file can remain, but an output is never incomplete."""
    filled = [KILLED[command] for command in commands]
    for word, path in killed.items():
        filled = [text.replace(word, str(path)) for text in filled]
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(times), how, killed["OUT"], killed["old"], *filled],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("complete") == len(filled)


def test_a_killed_command_leaves_a_complete_output_or_none(killed):
    kill_all(("classify", "index build"), "SIGKILL", 2, killed)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT"])
@pytest.mark.parametrize("command", KILLED)
def test_a_command_can_be_killed_at_any_time(command, how, killed):
    kill_all([command], how, MANY, killed)


@pytest.mark.parametrize(
    "number, code, word",
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
    ],
)
def test_an_interrupted_command_leaves_nothing(number, code, word, index_bundle, tmp_path):
    process = subprocess.Popen(
        command("classify", "-", "-i", index_bundle, "-o", tmp_path / "out.tsv"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Processes in the background of a shell, such as these tests, can ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not files_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)  # until it has begun to write and waits for reads
    assert files_in(tmp_path)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, f"barcodeembed: error: {word}\n")
    assert files_in(tmp_path) == set()
