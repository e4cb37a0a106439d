"""Read and write the tables of an index bundle: tab-separated, with a header line."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from barcodeembed.bundles.files import compressor


def write_table(path: Path, header: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    """Write a table, compressed according to its suffix. The same rows give the same bytes."""
    with (
        open(path, "wb") as raw,
        compressor(raw, path.suffix) as binary,
        io.TextIOWrapper(binary, encoding="utf-8", newline="\n") as stream,
    ):
        stream.write("\t".join(header) + "\n")
        stream.writelines("\t".join(row) + "\n" for row in rows)


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read the header and the rows of a table written by write_table.

    Raises OSError, EOFError, ValueError or zlib.error if the table is damaged.
    """
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8", newline="\n") as stream:
        header, *rows = (line.rstrip("\n").split("\t") for line in stream)
    return header, rows
