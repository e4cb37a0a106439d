"""QIIME 2's taxonomy.tsv, to be imported as ``FeatureData[Taxonomy]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from barcodeembed.report.features import check_same
from barcodeembed.report.lineages import lettered, prefixed
from barcodeembed.report.rows import Row


def qiime2(rows: Iterable[Row]) -> Iterator[str]:
    """Yield: feature id, lineage, and the confidence of its deepest name that is no unit.

    QIIME 2 wants each feature once: an id that several samples share has one line. Raises
    InputError where its taxa differ. Missing confidence is an empty cell, as QIIME 2 has it.
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
    """Return that of the deepest rank written: of a subfamily, that of its family."""
    placed = lettered(row.placement)
    return dict(lettered(row.confidences)).get(placed[-1][0]) if placed else None
