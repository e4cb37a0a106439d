"""Rows on a terminal are for people; pipes and files get the table as it is."""

from __future__ import annotations

import io
import os
import pty
import subprocess

import pytest
from support import SIMULATED, command

from barcodeembed.cli.console import Console
from barcodeembed.cli.terminal import ReadableRows
from barcodeembed.cli.work import Work
from barcodeembed.sequences.parts import Part

HEADER = [
    *("query_id", "status", "novel_rank", "rank", "taxon", "confidence", "species"),
    *("nearest_id", "identity", "flags"),
]


def shown(rows: list[list[str]], width: int = 120, colour: bool = False) -> list[str]:
    """Return the lines for rows, which are written in pieces that end anywhere."""
    stream = io.StringIO()
    readable = ReadableRows(stream, width, colour=colour)
    text = "".join("\t".join(row) + "\n" for row in [HEADER, *rows])
    for start in range(0, len(text), 7):
        readable.write(text[start : start + 7])
    readable.end()
    return stream.getvalue().splitlines()


def row(name: str, status: str = "assigned", novel: str = "NA", flags: str = "NA") -> list[str]:
    taxon = "Fictibalazella xotarensis"
    return [name, status, novel, "species", taxon, "0.9876", taxon, "SIM1", "99.85", flags]


def test_columns_are_aligned_and_missing_values_are_empty():
    lines = shown([row("a"), row("a_longer_name", flags="primer")])
    assert [line.index("0.9876") for line in lines[1:]] == [lines[1].index("0.9876")] * 2
    assert lines[0].split() == [
        *("query_id", "status", "rank", "taxon", "confidence", "identity", "nearest_id", "flags"),
    ]
    assert "NA" not in lines[1].split()
    assert lines[2].endswith("primer")


def test_a_novel_row_shows_the_rank_that_is_new():
    assert "novel genus" in shown([row("a", "novel", "genus")])[1]


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_lines_fit_on_the_terminal(width):
    rows = [row(f"query_{'x' * n}", flags="stop_codon;frameshift") for n in range(40)]
    assert max(map(len, shown(rows, width))) <= width


def test_all_rows_are_shown_in_order_whatever_their_number():
    for count in (0, 1, 49, 50, 51, 200):
        lines = shown([row(f"q{n}") for n in range(count)])
        assert [line.split()[0] for line in lines[1:]] == [f"q{n}" for n in range(count)]


def test_colours_are_of_the_status():
    plain, coloured = shown([row("a"), row("b", "novel", "genus")]), shown([row("a")], colour=True)
    assert not any("\033" in line for line in plain)
    assert coloured[1].startswith("\033[32m") and coloured[1].endswith("\033[0m")


def on_terminal(*arguments: object, **environment: str) -> str:
    """Run a command with a terminal as standard output, and return what the terminal gets."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(*arguments),
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment},
    ) as process:
        os.close(theirs)
        pieces = []
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            pieces.append(piece)
    os.close(ours)
    assert process.returncode == 0
    return b"".join(pieces).decode().replace("\r\n", "\n")


def test_classify_shows_rows_on_a_terminal_and_a_table_in_a_pipe(run, index_bundle, tmp_path):
    few = (SIMULATED / "reads.fasta").read_text().split("\n")[:20]
    (tmp_path / "reads.fasta").write_text("\n".join(few) + "\n")
    words = ("classify", tmp_path / "reads.fasta", "-i", index_bundle)
    screen = on_terminal(*words, NO_COLOR="1")
    assert "\t" not in screen and "\033" not in screen
    assert screen.split("\n")[0].split()[:4] == ["query_id", "status", "rank", "taxon"]
    table = run(*words).out
    assert table.startswith("query_id\tstatus\tnovel_rank\t")
    assert len(screen.splitlines()) == len(table.splitlines())


def test_a_progress_bar_knows_the_records_of_files_but_not_of_a_pipe(monkeypatch):
    work, reads = Work(Part(2, 50), {}, 10), str(SIMULATED / "reads.fasta")
    assert work.expected([reads]) is None  # nothing is counted if no bar is drawn
    monkeypatch.setattr(Console, "live", True)
    assert work.expected([reads]) == 3 and work.expected([reads, reads]) == 5
    assert work.expected([reads, "-"]) is None
