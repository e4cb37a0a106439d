"""The references about the queries: which of an index a map shows beneath them.

Those that the rows name as nearest, and the few whose vectors are nearest to each query's.
Shapes: Q queries, R references that are shown, D dimensions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.errors import InputError
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.report.rows import Row
from barcodeembed.taxonomy.ranks import Lineage
from barcodeembed.vectors.search import nearest

#: References shown of each query, beside the one that its row names, and of all queries together.
OF_EACH = 3
MOST = 5_000

#: Similarities of the same vectors, that far from the table's in the median, are of other vectors:
#: the table has four decimals, and precisions differ in the third.
_FAR = 0.02

_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class References:
    """``vectors`` float32 (R, D), of unit length; ``ids`` and ``lineages`` are of their records."""

    vectors: np.ndarray
    ids: Sequence[str]
    lineages: Sequence[Lineage]


def surround(
    vectors_QD: np.ndarray, rows: Sequence[Row], index: ReferenceIndex
) -> tuple[np.ndarray, References]:
    """Return the queries' vectors as the index is searched with them, and the references about.

    ``vectors_QD`` are of the index's model, one for each row. NaN stays NaN. Raises InputError
    where the vectors are of another model, or the rows of another index.
    """
    if vectors_QD.shape[1] != index.dimension:
        raise InputError(
            f"vectors of {vectors_QD.shape[1]} dimensions; the index was made with a "
            f"model of {index.dimension}: embed with that one"
        )
    queries = index.as_searched(vectors_QD.astype(np.float32))
    named = _named(rows, index)
    _check_similarities(queries, named, rows, index)
    chosen = sorted(_most_shown(queries, named, index.vectors))
    records = index.first_records[chosen]
    lineages = index.taxa.lineages
    return queries, References(
        np.asarray(index.vectors[chosen]).reshape(len(chosen), queries.shape[1]),
        [index.record_ids[record] for record in records],
        [lineages[number] for number in index.record_lineages[records]],
    )


def _named(rows: Sequence[Row], index: ReferenceIndex) -> np.ndarray:
    """Return the vector of each row's nearest reference, int (Q,); -1 where the row has none."""
    vector_of: dict[str, int] = {}
    for name, vector in zip(index.record_ids, index.record_vectors.tolist(), strict=True):
        vector_of.setdefault(name, vector)
    named = np.full(len(rows), -1)
    for number, row in enumerate(rows):
        if row.nearest_id is None:
            continue
        if row.nearest_id not in vector_of:
            raise InputError(
                f"the index has no {row.nearest_id}, the nearest reference of "
                f"{row.query_id}; give the index that classify had"
            )
        named[number] = vector_of[row.nearest_id]
    return named


def _check_similarities(
    queries: np.ndarray, named: np.ndarray, rows: Sequence[Row], index: ReferenceIndex
) -> None:
    """Refuse vectors that are not as similar to the references as the rows say.

    Those of reads on the other strand are not: classify turns reads, embed does not.
    """
    told = np.array(
        [np.nan if row.similarity is None or row.strand == "-" else row.similarity for row in rows],
        float,
    )
    checked = np.flatnonzero((named >= 0) & np.isfinite(queries).all(1) & np.isfinite(told))
    found = np.einsum("qd,qd->q", queries[checked], index.vectors[named[checked]])
    off = np.median(np.abs(found - told[checked])) if len(checked) else 0.0
    if off > _FAR:
        raise InputError(
            f"vectors whose similarities to the references are not the table's (by {off:.2f} in "
            "the median); embed with the model of the index that classify had, and with "
            f"--offsets {index.settings.embedding['offsets']}"
        )


def _most_shown(queries: np.ndarray, named: np.ndarray, vectors: np.ndarray) -> list[int]:
    """Return the vectors to show, those that are about the most queries first, and at most MOST.

    Among equals those that rows name come first, in the order of the queries.
    """
    about = Counter(named[named >= 0].tolist())
    there = np.flatnonzero(np.isfinite(queries).all(1))
    for start in range(0, len(there), _BLOCK):
        block = there[start : start + _BLOCK]
        _, near = nearest(vectors, queries[block], OF_EACH)
        about.update(near[near != named[block, None]].tolist())
    return [vector for vector, _ in about.most_common(MOST)]
