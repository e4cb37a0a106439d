"""A taxonomy.tsv for QIIME 2, to import as ``FeatureData[Taxonomy]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from barcodeembed.report.features import check_same
from barcodeembed.report.lineages import lettered, prefixed
from barcodeembed.report.rows import Row


def qiime2(rows: Iterable[Row]) -> Iterator[str]:
    """Yield lines: feature id, lineage, and the confidence of its lowest name that is not a unit.

    Features must be unique in QIIME 2, so an id that occurs in several samples has one line. Raises
    InputError if its taxa differ. A missing confidence is an empty cell.
    """
    seen: dict[str, str] = {}
    yield "Feature ID\tTaxon\tConfidence\n"
    for row in rows:
        taxon = "; ".join(prefixed(row.taxon))
        if row.feature in seen:
            check_same(row.feature, seen[row.feature], taxon)
            continue
        seen[row.feature] = taxon
        confidence = _confidence(row)
        yield f"{row.feature}\t{taxon}\t{'' if confidence is None else f'{confidence:.4f}'}\n"


def _confidence(row: Row) -> float | None:
    """Return the confidence of the lowest rank that is written; subfamily is not written."""
    placed = lettered(row.placement)
    return dict(lettered(row.confidences)).get(placed[-1][0]) if placed else None
