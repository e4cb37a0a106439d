"""Read a table of counts: the reads of each sequence variant (ASV, OTU) in each sample.

Such tables are made by ``vsearch --otutabout``, QIIME 2, or R from DADA2. Rows are variants, by
their ids or sequences, or samples, as DADA2 has them. The delimiter is a tab, comma or semicolon.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from barcodeembed.errors import InputError
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.lines import open_lines, refuse_control
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.tables import split_line

#: Columns that some programs add to the counts.
_NOT_SAMPLES = frozenset(("taxonomy", "taxon", "sequence", "confidence", "consensus lineage"))
_BASES = re.compile("[ACGTUNacgtun]{30,}")
_SIZE = re.compile(r";size=\d+;?$")


class Counts:
    """The reads of each variant in each sample, and which variants were found among the records.

    ``path`` is the file of the table.
    """

    def __init__(
        self,
        samples: Sequence[str],
        reads: dict[str, dict[str, int]],
        path: str | os.PathLike[str],
    ) -> None:
        self.samples, self.reads, self.path = list(samples), reads, path
        self.unused = set(reads)
        self.missing: set[str] = set()

    def of(self, record: SequenceRecord) -> dict[str, int]:
        """Return the reads of a record by sample, without zeros; empty if it is not in the table.

        A record is found by its id, by its id without ``;size=N``, or by its sequence.
        """
        written = record.sequence.upper()
        names = (record.id, _SIZE.sub("", record.id), written, reverse_complement(written))
        found = next((name for name in names if name in self.reads), None)
        if found is None:
            self.missing.add(record.id)
            return {}
        self.unused.discard(found)
        return self.reads[found]


def read_counts(path: str | os.PathLike[str]) -> Counts:
    """Read a table of counts. Raises InputError if it is none."""
    with open_lines(path) as (lines, _):
        rows = []
        while line := lines.readline():
            cells = split_line(line.rstrip("\n"))
            if len(cells) > 1:  # not a comment of the BIOM format, nor an empty line
                rows.append((lines.number, cells))
        if len(rows) < 2:
            raise InputError("a table of counts needs a header line and one row or more", path)
        (_, header), body = rows[0], rows[1:]
        if len(body[0][1]) == len(header) + 1:  # R's row names have no header
            header = ["", *header]
        numbers = [
            (cells[0], [_count(c, path, line) if kept else 0 for c, kept in _pairs(cells, header)])
            for line, cells in _checked(body, len(header), path)
        ]
    names = [name for name in header[1:] if name.lower() not in _NOT_SAMPLES]
    values = {
        name: [value for value, (_, kept) in zip(row, _pairs(header, header), strict=True) if kept]
        for name, row in numbers
    }
    if len(values) < len(numbers):
        raise InputError("a name occurs twice in the first column", path)
    if names and all(map(_BASES.fullmatch, names)):  # samples are rows, as in DADA2
        by_variant = {v: [values[s][i] for s in values] for i, v in enumerate(names)}
        names, values = list(values), by_variant
    if bad := next((name for name in names if re.search("[;=\t]", name) or not name), None):
        raise InputError(f"{bad!r} is no name of a sample: it is empty, or has ; or =", path)
    for name in names:
        refuse_control(name, "the name of the sample", path)
    return Counts(
        names,
        {
            (variant.upper() if _BASES.fullmatch(variant) else variant): {
                sample: count for sample, count in zip(names, row, strict=True) if count
            }
            for variant, row in values.items()
        },
        path,
    )


def _pairs(cells: Sequence[str], header: Sequence[str]) -> list[tuple[str, bool]]:
    """Return the cells after the first, and whether each is of a sample."""
    return [
        (cell, name.lower() not in _NOT_SAMPLES)
        for cell, name in zip(cells[1:], header[1:], strict=True)
    ]


def _checked(
    rows: list[tuple[int, list[str]]], width: int, path: str | os.PathLike[str]
) -> list[tuple[int, list[str]]]:
    for line, cells in rows:
        if len(cells) != width:
            raise InputError(
                f"the row has {len(cells)} columns, the header has {width}", path, line
            )
    return rows


def _count(cell: str, path: str | os.PathLike[str], line: int) -> int:
    """Return a count, which BIOM writes as ``12.0``."""
    found = re.fullmatch(r"([0-9]{1,18})(\.0*)?", cell.strip())
    if not found:
        raise InputError(f"{cell[:40]!r} is not a count of reads", path, line)
    return int(found[1])


def write_counts(reads: dict[str, int]) -> str | None:
    """Return counts as the cell of a table, or None if there are none.

    >>> write_counts({"S1": 12, "S2": 3})
    'S1=12;S2=3'
    """
    return ";".join(f"{sample}={count}" for sample, count in reads.items()) or None


def parse_counts(cell: str) -> dict[str, int]:
    """Return the counts in the cell of a table. Raises ValueError if it has none.

    >>> parse_counts("S1=12;S2=3")
    {'S1': 12, 'S2': 3}
    """
    pairs = (pair.rpartition("=") for pair in cell.split(";"))
    return {sample: int(count) for sample, _, count in pairs}
