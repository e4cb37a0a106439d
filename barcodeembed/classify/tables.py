"""Write the tables of ``classify`` while queries are being classified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.novel_units import NovelUnits
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.rows import hit_rows, row
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.vocabulary import HIT_COLUMNS, NA, NOVEL_UNIT, TAXON_ID, columns


def write_tables(
    assignments: Iterable[Assignment],
    classifier: Classifier,
    table: IO[str],
    hit_table: IO[str] | None = None,
    *,
    cluster_novel: bool = False,
    header: bool = True,
) -> Iterator[Assignment]:
    """Write the row of each assignment, and the rows of its hits, then yield the assignment.

    With ``cluster_novel`` the rows are written after the last query, because only then are the
    units known. Without ``header``, the tables continue those of an interrupted run.
    """
    ranks, taxon_ids = classifier.ranks, _taxon_ids(classifier.index)
    units, kept = NovelUnits(), []
    more = [*[TAXON_ID] * bool(taxon_ids), *[NOVEL_UNIT] * cluster_novel]
    if header:
        _write([*columns(ranks), *more], table)
        if hit_table:
            _write(HIT_COLUMNS, hit_table)
    for assignment in assignments:
        cells = row(assignment, ranks)
        if taxon_ids:
            hits = assignment.hits
            cells.append((taxon_ids[hits[0].row] if hits else None) or NA)
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


def _taxon_ids(index: ReferenceIndex) -> list[str | None]:
    """Return the id of the taxon of each vector, by its first record; empty without ids."""
    ids = index.sources.taxon_ids
    return [ids[record] for record in index.first_records] if ids else []


def _write(cells: Iterable[str], table: IO[str]) -> None:
    print(*cells, sep="\t", file=table)
