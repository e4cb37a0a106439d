"""Read any sequence file, or standard input, as a stream of records."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike

from barcodeembed.errors import InputError
from barcodeembed.sequences.fasta import BLANKS, CHUNK, read_fasta, read_fastq
from barcodeembed.sequences.flat_files import flat_format, read_flat_file
from barcodeembed.sequences.lines import Lines, open_lines
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.tables import (
    USUAL,
    Columns,
    is_sequence_table,
    read_table,
    refuse_table,
)

#: Letters of a record that are kept. A longer record (a contig, a chromosome) is cut, not refused.
MAX_LETTERS = 1_000_000


def read_records(
    source: str | PathLike[str],
    *,
    encoding: str = "utf-8",
    limit: int = MAX_LETTERS,
    columns: Columns = USUAL,
    gene: str | None = None,
) -> Iterator[SequenceRecord]:
    """Yield the records of a FASTA, FASTQ, TSV, CSV or flat file in order, as a stream.

    ``source`` is a path or ``-`` for standard input. Compression (gzip, bzip2, xz, zstandard) is
    recognised by the first bytes, and the format by the first character or the header. At most
    ``limit`` letters of a record are kept, and memory does not grow with the file. ``columns``
    names the columns of a table with the ids and sequences, if these are not the usual ones.
    ``gene`` is the gene to be taken from the records of a GenBank or EMBL flat file, instead of the
    whole sequence. Raises InputError, which names file and line, at the first error.

    >>> import barcodeembed as be
    >>> [record.id for record in be.read_records("reads.fasta.gz")]  # doctest: +SKIP
    ['read_001', 'read_002']
    """
    count, last = 0, ""

    def reached() -> str:
        return f"record {last} ({count:,} records read)" if count else "0 records"

    with open_lines(source, encoding, reached) as (lines, start):
        for record in _parse(lines, start, limit, columns, gene):
            yield record
            count, last = count + 1, record.id


def _parse(
    lines: Lines, start: bytes, limit: int, columns: Columns, gene: str | None
) -> Iterator[SequenceRecord]:
    if b"\x00" in start and not start.lstrip().startswith((b">", b"@")):
        raise InputError("not a sequence file: it contains binary data", lines.path)
    head = lines.readline(CHUNK)
    while head and not head.strip(BLANKS):
        head = lines.readline(CHUNK)
    lines.put_back(head)
    if head.startswith("@"):
        return read_fastq(lines, limit)
    if not head.startswith((">", ";")):
        if name := flat_format(head):
            return read_flat_file(lines, name, limit, gene)
        if is_sequence_table(head, columns):
            return read_table(lines, limit, columns)
        refuse_table(head, lines, columns)
    return read_fasta(lines, limit)
