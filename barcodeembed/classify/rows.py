"""The columns of ``classify``: names are the contract, new ones come last."""

from __future__ import annotations

from collections.abc import Sequence

from barcodeembed.classify.pipeline import Assignment, Classifier
from barcodeembed.vocabulary import NA


def row(assignment: Assignment, ranks: Sequence[str]) -> list[str]:
    """Return the cells of one query, ``NA`` where there is nothing to say."""
    a = assignment
    unknown = (None,) * len(ranks)
    return [
        a.query_id,
        a.status,
        _text(a.novel_rank),
        _text(a.rank),
        _text(a.taxon),
        _number(a.confidence),
        *map(_text, a.names or unknown),
        *map(_number, a.confidences or unknown),
        _text(a.nearest_id),
        _number(a.similarity),
        _number(a.identity),
        _text(a.strand),
        str(a.length),
        ";".join(a.flags) or NA,
        _count(a.overlap),
    ]


def hit_rows(assignment: Assignment, classifier: Classifier) -> list[list[str]]:
    """Return a row for every lineage of every neighbour, nearest first, hits counted from 1.

    The reference named is the first that has the lineage.
    """
    rows = []
    members, index = classifier.members, classifier.index
    for number, hit in enumerate(assignment.hits, 1):
        for member in range(members.starts[hit.row], members.starts[hit.row + 1]):
            names = ";".join(name or NA for name in index.taxa.lineages[members.lineages[member]])
            rows.append(
                [
                    assignment.query_id,
                    str(number),
                    index.record_ids[members.records[member]],
                    _number(hit.similarity),
                    names,
                    _number(hit.identity),
                    _count(hit.overlap),
                ]
            )
    return rows


def _text(value: str | None) -> str:
    return value or NA


def _count(value: int | None) -> str:
    return NA if value is None else str(value)


def _number(value: float | None) -> str:
    return NA if value is None else f"{value:.4f}"
