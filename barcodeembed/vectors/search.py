"""Exact nearest neighbours: FAISS finds the candidates, float64 ranks them.

A product in single precision differs in its last bits with the size of the batch and the number
of threads. So a few more candidates than wanted are fetched, and each is scored again on its
own; the order then depends on the two vectors alone.
"""

from __future__ import annotations

import numpy as np

#: Candidates fetched beyond k, so that rounding at the edge cannot decide who is among the k.
_SPARE = 16

#: Similarities are compared, and ties told, at this many decimals.
DECIMALS = 6


def nearest(vectors: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k most similar reference vectors of each query.

    ``vectors`` (N, D) and ``queries`` (Q, D) are float32 rows of unit length. Returns cosine
    similarities, float64 (Q, K), rounded, highest first, and rows, int64 (Q, K), where K is
    min(k, N). Equally similar references stand in the order of their rows.
    """
    import faiss

    count = min(k, len(vectors))
    fetched = min(count + _SPARE, len(vectors))
    _, rows = faiss.knn(
        np.ascontiguousarray(queries), vectors, fetched, metric=faiss.METRIC_INNER_PRODUCT
    )
    exact = np.einsum("qd,qkd->qk", queries, vectors[rows], dtype=np.float64)
    similarities = np.round(exact, DECIMALS)
    order = np.lexsort((rows, -similarities))[:, :count]
    return np.take_along_axis(similarities, order, 1), np.take_along_axis(rows, order, 1)


def nearest_others(
    vectors: np.ndarray, queries: np.ndarray, own_Q: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `nearest` does, without each query's own row; ``k`` is less than N."""
    similarities, rows = nearest(vectors, queries, k + 1)
    others = rows != own_Q[:, None]
    others[others.all(1), -1] = False  # its own is not among them: leave out the last instead
    return similarities[others].reshape(len(rows), -1), rows[others].reshape(len(rows), -1)
