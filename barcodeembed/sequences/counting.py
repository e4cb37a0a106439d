"""Count the records of a file without reading them, to know how far a run is."""

from __future__ import annotations

import os
import zlib
from lzma import LZMAError

from barcodeembed.errors import InputError
from barcodeembed.sequences.containers import open_source

_BLOCK = 1 << 20


def count_records(source: str | os.PathLike[str]) -> int | None:
    """Return the number of records of a FASTA or FASTQ file, plain or compressed.

    A record of FASTQ is taken to have four lines. Returns None for a pipe, for another format, and
    for what cannot be read: the run itself will say why.
    """
    if not os.path.isfile(source):
        return None
    start, last, records, lines = b"", b"\n", 0, 0
    try:
        stream, _ = open_source(source)
        with stream:
            while block := stream.read(_BLOCK):
                start = start or block[:1]
                records += (last + block).count(b"\n>")  # it can be divided between two blocks
                lines += block.count(b"\n")
                last = block[-1:]
    except (InputError, OSError, EOFError, zlib.error, LZMAError):
        return None
    if start == b">":
        return records
    return (lines + (last != b"\n")) // 4 if start == b"@" else None
