"""Rows of ``classify`` on a terminal: fewer columns, aligned, with colours.

Pipes and files get the whole table as it is.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol, cast

from barcodeembed.bundles.files import STDOUT
from barcodeembed.cli.console import console
from barcodeembed.vocabulary import NA

#: The columns that are shown if the table has them, with the minimum and the maximum of their
#: widths. The width of the taxon takes what remains of the line.
_SHOWN = {
    "sample": (6, 16),
    "query_id": (8, 24),
    "status": (8, 15),
    "rank": (4, 9),
    "taxon": (16, 48),
    "confidence": (6, 10),
    "identity": (6, 8),
    "nearest_id": (8, 20),
    "flags": (5, 40),
}
_RIGHT = ("confidence", "identity")
_COLOURS = {"assigned": "32", "ambiguous": "33", "novel": "35", "unclassifiable": "2"}

#: Rows that are read before the widths of the columns are chosen.
_FIRST = 50


class _Writer(Protocol):
    def write(self, text: str, /) -> object: ...


@contextmanager
def open_rows(path: str, stream: IO[str]) -> Iterator[IO[str]]:
    """Yield the stream of an output for the table; for people, if it is a terminal."""
    if path != STDOUT or sys.stdout is None or not sys.stdout.isatty():
        yield stream
        return
    rows = ReadableRows(stream, shutil.get_terminal_size().columns, colour=_colour())
    yield cast(IO[str], rows)
    rows.end()
    stream.flush()
    console.say("to get all columns as TSV: give -o FILE, or write to a pipe")


def _colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


class ReadableRows:
    """A stream that is written as TSV, and writes lines of a given width."""

    def __init__(self, stream: _Writer, width: int, *, colour: bool) -> None:
        self.header: list[str] = []
        self._stream = stream
        self._width = width
        self._colour = colour
        self._text = ""
        self._first: list[dict[str, str]] = []
        self._widths: dict[str, int] = {}

    def write(self, text: str) -> None:
        *lines, self._text = (self._text + text).split("\n")
        for line in lines:
            cells = line.split("\t")
            if self.header:
                self._add(dict(zip(self.header, cells, strict=True)))
            else:
                self.header = cells

    def end(self) -> None:
        """Write the rows that are kept until the widths are known."""
        if self.header and not self._widths:
            self._begin()

    def _add(self, row: dict[str, str]) -> None:
        if self._widths:
            self._print(row)
            return
        self._first.append(row)
        if len(self._first) == _FIRST:
            self._begin()

    def _begin(self) -> None:
        names = [name for name in _SHOWN if name in self.header]
        self._widths = _widths(names, self._first, self._width)
        self._print({name: name for name in names})
        for row in self._first:
            self._print(row)

    def _print(self, row: dict[str, str]) -> None:
        cells = [
            _cell(_shown(row, name), width, name in _RIGHT) for name, width in self._widths.items()
        ]
        line = "  ".join(cells).rstrip()
        code = _COLOURS.get(row["status"], "1")  # the header is bold
        self._stream.write(f"\033[{code}m{line}\033[0m\n" if self._colour else f"{line}\n")


def _shown(row: dict[str, str], name: str) -> str:
    """Return a cell as it is shown: nothing for NA, and the rank that is new."""
    value = row[name]
    if name == "status" and row.get("novel_rank", NA) not in (NA, "novel_rank"):
        return f"novel {row['novel_rank']}"
    return "" if value == NA else value


def _widths(names: list[str], rows: list[dict[str, str]], line: int) -> dict[str, int]:
    """Return the width of each column. Columns that do not fit on the line are left out."""
    widths = {}
    for name in names:
        least, most = _SHOWN[name]
        longest = max((len(_shown(row, name)) for row in rows), default=0)
        widths[name] = min(max(longest, least, len(name)), most)
    spare = line - sum(widths.values()) - 2 * (len(widths) - 1)
    for name in ("nearest_id", "identity", "flags"):
        if spare < 0:
            spare += widths.pop(name) + 2
    for name in ("taxon", "query_id"):
        narrower = max(_SHOWN[name][0], widths[name] + min(spare, 0))
        spare += widths[name] - narrower
        widths[name] = narrower
    return widths


def _cell(text: str, width: int, right: bool) -> str:
    clipped = text if len(text) <= width else f"{text[: width - 1]}…"
    return clipped.rjust(width) if right else clipped.ljust(width)
