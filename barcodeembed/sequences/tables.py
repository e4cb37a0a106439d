"""Tables (TSV, CSV) with a sequence column: BOLD, BIOSCAN-5M, CanadianInvertebrates.

The standard library's reader streams, counts lines and says where a row is ragged, which is what
an error message needs; nothing is ever read as a missing value or a number (``NA`` is Namibia).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from barcodeembed.errors import InputError
from barcodeembed.sequences.fasta import check_id, make_record, tidy_residues
from barcodeembed.sequences.lines import Lines
from barcodeembed.sequences.records import SequenceRecord

SEQUENCE_COLUMNS = ("nucleotides", "nuc", "dna_barcode", "sequence", "nucraw")
ID_COLUMNS = ("record_id", "processid", "sampleid", "id", "#id", "feature id")

#: What BOLD's packages write where a record has no sequence; no letters of one.
_NO_SEQUENCE = ("none", "null")

csv.field_size_limit(1 << 28)


def read_rows(lines: Lines) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Read a table's header and return it with an iterator over (line, row as a dict).

    Names of columns are lower-cased. Tabs separate the columns if the header has one, otherwise
    commas, otherwise semicolons. Quotes mean nothing in a tab-separated table.
    Raises InputError at a ragged row.
    """
    head = lines.readline()
    delimiter = next((d for d in "\t,;" if d in head), "\t")
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL

    def split(source) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(source, delimiter=delimiter, quoting=quoting, strict=True)
        while True:
            line = lines.number + 1  # a quoted cell may go on over several
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise InputError(f"not a valid table: {error}", lines.path, line) from None
            yield line, values

    _, names = next(split([head]), (0, []))
    header = [name.strip().lower() for name in names]

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        for line, values in split(lines):
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


def is_sequence_table(first_line: str) -> bool:
    """Tell whether a header line names a sequence column.

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
    """Yield the records of a table; every column is kept in ``fields``."""
    header, rows = read_rows(lines)
    sequence_column = next(name for name in SEQUENCE_COLUMNS if name in header)
    id_column = next((name for name in ID_COLUMNS if name in header), None)
    for number, (line, row) in enumerate(rows, 1):
        identifier = row[id_column].strip().replace(" ", "_") if id_column else ""
        check_id(identifier, lines.path, line)
        written = row.pop(sequence_column).strip()
        if written.lower() in _NO_SEQUENCE:
            written = ""
        letters, flags = tidy_residues(written, lines.path, line, identifier)
        yield make_record(identifier, "", letters[:limit], number, line, len(letters), flags, row)
