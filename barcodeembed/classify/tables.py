"""Write the tables of ``classify`` while queries are being classified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.novel_units import NovelUnits
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.rows import hit_rows, row
from barcodeembed.vocabulary import HIT_COLUMNS, NA, NOVEL_UNIT, columns


def write_tables(
    assignments: Iterable[Assignment],
    classifier: Classifier,
    table: IO[str],
    hit_table: IO[str] | None = None,
    *,
    cluster_novel: bool = False,
) -> Iterator[Assignment]:
    """Write the row of each assignment, and the rows of its hits, then yield the assignment.

    With ``cluster_novel`` the rows are written after the last query, because only then are the
    units known.
    """
    ranks = classifier.ranks
    units, kept = NovelUnits(), []
    _write([*columns(ranks), *[NOVEL_UNIT] * cluster_novel], table)
    if hit_table:
        _write(HIT_COLUMNS, hit_table)
    for assignment in assignments:
        cells = row(assignment, ranks)
        if cluster_novel:
            units.add(assignment)
            kept.append(cells)
        else:
            _write(cells, table)
        if hit_table:
            for hit in hit_rows(assignment, classifier):
                _write(hit, hit_table)
        yield assignment
    if cluster_novel:
        for cells, unit in zip(kept, units.names(classifier.index), strict=True):
            _write([*cells, unit or NA], table)


def _write(cells: Iterable[str], table: IO[str]) -> None:
    print(*cells, sep="\t", file=table)
