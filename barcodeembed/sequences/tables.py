"""Tables (TSV, CSV) with a sequence column: BOLD, BIOSCAN-5M, CanadianInvertebrates.

The standard library's reader streams, counts lines and says where a row is ragged, which is what
an error message needs; nothing is ever read as a missing value or a number (``NA`` is Namibia).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from os import PathLike
from typing import TextIO

from barcodeembed.errors import InputError
from barcodeembed.sequences.fasta import check_residues, make_record
from barcodeembed.sequences.records import SequenceRecord

SEQUENCE_COLUMNS = ("nucleotides", "nuc", "dna_barcode", "sequence")
ID_COLUMNS = ("record_id", "processid", "sampleid", "id", "#id", "feature id")

csv.field_size_limit(1 << 28)


def read_rows(
    stream: TextIO, path: str | PathLike[str]
) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Read a table's header and return it with an iterator over (line, row as a dict).

    Names of columns are lower-cased. Tabs separate the columns if the header has one, otherwise
    commas, otherwise semicolons. Quotes mean nothing in a tab-separated table.
    Raises InputError at a ragged row.
    """
    header_line = stream.readline()
    delimiter = next((d for d in "\t,;" if d in header_line), "\t")
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL

    def split(lines) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)

    header = [name.strip().lower() for name in next(split([header_line]), [])]

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        reader = split(stream)
        last = 1
        try:
            for values in reader:
                line, last = last + 1, reader.line_num + 1
                if not values:
                    continue
                if len(values) != len(header):
                    raise InputError(
                        f"the row has {len(values)} columns, the header has {len(header)}",
                        path, line,
                    )
                yield line, dict(zip(header, values, strict=True))
        except csv.Error as error:
            raise InputError(f"not a valid table: {error}", path, last + 1) from None

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


def read_table(stream: TextIO, path: str | PathLike[str], limit: int) -> Iterator[SequenceRecord]:
    """Yield the records of a table; every column is kept in ``fields``."""
    header, rows = read_rows(stream, path)
    sequence_column = next(name for name in SEQUENCE_COLUMNS if name in header)
    id_column = next((name for name in ID_COLUMNS if name in header), None)
    for number, (line, row) in enumerate(rows, 1):
        letters = row.pop(sequence_column).strip()
        title = row[id_column].strip() if id_column else ""
        check_residues(letters, path, line, title)
        yield make_record(
            title.replace(" ", "_"), letters[:limit], number, path, line, len(letters), fields=row
        )
