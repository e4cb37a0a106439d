"""Read tables (TSV, CSV) with a sequence column: BOLD, BIOSCAN-5M, CanadianInvertebrates.

The standard library's csv reader is used because it streams and counts lines, so that an error can
name the line. No cell is read as a missing value or a number (``NA`` is Namibia).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Literal

from barcodeembed.errors import InputError
from barcodeembed.sequences.fasta import check_id, make_record, tidy_residues
from barcodeembed.sequences.lines import Lines
from barcodeembed.sequences.records import SequenceRecord

SEQUENCE_COLUMNS = ("nucleotides", "nuc", "dna_barcode", "sequence", "nucraw")
ID_COLUMNS = ("record_id", "processid", "sampleid", "id", "#id", "feature id")

#: What BOLD's packages write for a record without a sequence.
_NO_SEQUENCE = ("none", "null")

csv.field_size_limit(1 << 28)


def read_rows(lines: Lines) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Read a table's header and return it with an iterator over (line, row as a dict).

    Column names are converted to lower case. The delimiter is a tab if the header contains one,
    otherwise a comma, otherwise a semicolon. Quotes have no meaning in a tab-separated table.
    Raises InputError if a row has another number of columns than the header.
    """
    head = lines.readline()
    delimiter = next((d for d in "\t,;" if d in head), "\t")
    _, names = next(_split([head], delimiter, lines), (0, []))
    header = [name.strip().lower() for name in names]

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        for line, values in _split(lines, delimiter, lines):
            if not values:
                continue
            if len(values) != len(header):
                raise InputError(
                    f"the row has {len(values)} columns, the header has {len(header)}",
                    lines.path,
                    line,
                )
            yield line, dict(zip(header, values, strict=True))

    return header, rows()


def _split(source: Iterable[str], delimiter: str, lines: Lines) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of ``source`` as cells, each with the line of ``lines`` on which it begins."""
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(source, delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        line = lines.number + 1  # a quoted cell may span several lines
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"not a valid table: {error}", lines.path, line) from None
        yield line, values


def is_sequence_table(first_line: str) -> bool:
    """Return whether a header line contains the name of a sequence column.

    >>> is_sequence_table("processid,genus,dna_barcode")
    True
    >>> is_sequence_table("ACGT")
    False
    """
    for delimiter in "\t,;":
        if delimiter in first_line:
            names = {name.strip().strip('"').lower() for name in first_line.split(delimiter)}
            return not names.isdisjoint(SEQUENCE_COLUMNS)
    return False


def read_table(lines: Lines, limit: int) -> Iterator[SequenceRecord]:
    """Yield the records of a table. ``fields`` has all columns but the sequence."""
    header, rows = read_rows(lines)
    sequence_column = next((name for name in SEQUENCE_COLUMNS if name in header), None)
    if sequence_column is None:  # the name has a quote, which is part of the name here
        raise lines.error(f"the table has no column named {', '.join(SEQUENCE_COLUMNS)}")
    id_column = next((name for name in ID_COLUMNS if name in header), None)
    for number, (line, row) in enumerate(rows, 1):
        identifier = row[id_column].strip().replace(" ", "_") if id_column else ""
        check_id(identifier, lines.path, line)
        written = row.pop(sequence_column).strip()
        if written.lower() in _NO_SEQUENCE:
            written = ""
        letters, flags = tidy_residues(written, lines.path, line, identifier)
        yield make_record(identifier, "", letters[:limit], number, line, len(letters), flags, row)
