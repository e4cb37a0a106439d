"""Choose the references of an index that a map shows with the queries.

These are the closest reference in each row of the table, and the most similar references of each
query.

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

#: Number of references shown for each query, in addition to the one in its row.
PER_QUERY = 3

#: Maximum number of references shown for all queries.
MAX_SHOWN = 5_000

#: Maximum median difference of the similarities from those in the table. The table has four
#: decimals, and fp32 and bf16 differ in the third one. If the difference is larger, the vectors are
#: not those of the table.
_MAX_DIFFERENCE = 0.02

_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class References:
    """Unit ``vectors``, float32 (R, D), with the ``ids`` and ``lineages`` of their records."""

    vectors: np.ndarray
    ids: Sequence[str]
    lineages: Sequence[Lineage]
    unoriented: int = 0


def surround(
    vectors_QD: np.ndarray, rows: Sequence[Row], index: ReferenceIndex
) -> tuple[np.ndarray, References]:
    """Return the vectors of the queries as in a search of the index, and references to show.

    ``vectors_QD`` are vectors of the model of the index, one for each row; NaN is kept. Raises
    InputError if the vectors are of another model, or the rows are of another index.
    """
    if vectors_QD.shape[1] != index.dimension:
        raise InputError(
            f"vectors of {vectors_QD.shape[1]} dimensions; the model of the index has "
            f"{index.dimension}; embed with that model"
        )
    queries = index.as_searched(vectors_QD.astype(np.float32))
    named = _named(rows, index)
    _check_similarities(queries, named, rows, index)
    unturned = _differences(queries, named, rows, index, "-") > _MAX_DIFFERENCE
    chosen = sorted(_most_shown(queries, named, index))
    records = index.first_records[chosen]
    lineages = index.taxa.lineages
    return queries, References(
        np.asarray(index.vectors[chosen]).reshape(len(chosen), queries.shape[1]),
        [index.record_ids[record] for record in records],
        [lineages[number] for number in index.record_lineages[records]],
        int(unturned.sum()),
    )


def _named(rows: Sequence[Row], index: ReferenceIndex) -> np.ndarray:
    """Return the vector of the closest reference in each row, int (Q,); -1 if a row has none."""
    vector_of: dict[str, int] = {}
    for name, vector in zip(index.record_ids, index.record_vectors.tolist(), strict=True):
        vector_of.setdefault(name, vector)
    named = np.full(len(rows), -1)
    for number, row in enumerate(rows):
        if row.nearest_id is None:
            continue
        if row.nearest_id not in vector_of:
            raise InputError(
                f"the index has no {row.nearest_id}, the closest reference of "
                f"{row.query_id}; give the index that was used by classify"
            )
        named[number] = vector_of[row.nearest_id]
    return named


def _differences(
    queries: np.ndarray, named: np.ndarray, rows: Sequence[Row], index: ReferenceIndex, strand: str
) -> np.ndarray:
    """Return how much the similarities of rows of one strand differ from those of the vectors."""
    expected = np.array([row.similarity if row.strand == strand else np.nan for row in rows], float)
    checked = np.flatnonzero((named >= 0) & np.isfinite(queries).all(1) & np.isfinite(expected))
    found = np.einsum("qd,qd->q", queries[checked], index.vectors[named[checked]])
    return np.abs(found - expected[checked])


def _check_similarities(
    queries: np.ndarray, named: np.ndarray, rows: Sequence[Row], index: ReferenceIndex
) -> None:
    """Raise InputError if the similarities of the vectors differ from those in the rows.

    Reads of the other strand are not compared: `embed` can leave them as they are.
    """
    differences = _differences(queries, named, rows, index, "+")
    off = np.median(differences) if len(differences) else 0.0
    if off > _MAX_DIFFERENCE:
        raise InputError(
            "the similarities of the vectors to the references are not those in the table (median "
            f"difference {off:.2f}); embed with the model of the index that was used by classify, "
            f"with --offsets {index.settings.embedding['offsets']} and without --normalize"
        )


def _most_shown(queries: np.ndarray, named: np.ndarray, index: ReferenceIndex) -> list[int]:
    """Return at most MAX_SHOWN reference vectors, those close to the most queries first.

    Among equals, those in the rows are first, in the order of the queries.
    """
    about = Counter(named[named >= 0].tolist())
    usable = np.flatnonzero(np.isfinite(queries).all(1))
    for start in range(0, len(usable), _BLOCK):
        block = usable[start : start + _BLOCK]
        _, near = index.nearest(index.vectors, queries[block], PER_QUERY)
        about.update(near[near != named[block, None]].tolist())
    return [vector for vector, _ in about.most_common(MAX_SHOWN)]
