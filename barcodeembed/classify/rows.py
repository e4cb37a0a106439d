"""The columns of ``classify``. Their names are a contract; new ones are appended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.nearest import facts_of
from barcodeembed.vocabulary import NA

if TYPE_CHECKING:
    from barcodeembed.classify.pipeline import Classifier

Value = str | float | int | None


def values(assignment: Assignment, ranks: Sequence[str]) -> list[Value]:
    """Return the values of one query in the order of `vocabulary.columns`; None if missing."""
    a = assignment
    missing = (None,) * len(ranks)
    return [
        a.query_id,
        a.status,
        a.novel_rank,
        a.rank,
        a.taxon,
        a.confidence,
        *(a.names or missing),
        *(a.confidences or missing),
        a.nearest_id,
        a.similarity,
        a.identity,
        a.strand,
        a.length,
        ";".join(a.flags) or None,
        a.overlap,
        (len(a.tied_taxa) or 1) if a.hits else None,
        a.start,
        a.end,
        a.nearest_taxon,
        a.nearest_bin,
    ]


def row(assignment: Assignment, ranks: Sequence[str]) -> list[str]:
    """Return the cells of one query: ``NA`` if missing, fractions with four decimals."""
    return [_cell(value) for value in values(assignment, ranks)]


def hit_rows(assignment: Assignment, classifier: Classifier) -> list[list[str]]:
    """Return a row for each lineage of each hit, in the order of the hits, counted from 1.

    The reference in a row is the first one with this lineage.
    """
    rows = []
    classifier = classifier.of(assignment.marker)
    members, index = classifier.members, classifier.index
    for number, hit in enumerate(assignment.hits, 1):
        for member in range(members.starts[hit.row], members.starts[hit.row + 1]):
            record = int(members.records[member])
            names = ";".join(name or NA for name in index.taxa.lineages[members.lineages[member]])
            cells: list[Value] = [
                assignment.query_id,
                number,
                index.record_ids[record],
                hit.similarity,
                names,
                hit.identity,
                hit.overlap,
                *facts_of(index, record),
            ]
            rows.append([_cell(value) for value in cells])
    return rows


def _cell(value: Value) -> str:
    if value is None or value == "":
        return NA
    return f"{value:.4f}" if isinstance(value, float) else str(value)
