"""Exact nearest neighbours: FAISS finds the candidates, float64 ranks them.

The last bits of a product in single precision depend on the size of the batch and the number of
threads. So a few more candidates than needed are fetched, and the similarity of each is computed
again, so that the order depends only on the vectors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from barcodeembed.vectors.mapped import release

#: Number of candidates in addition to k, so that rounding cannot decide which are among the k.
_SPARE = 16

#: From this number of queries on, FAISS multiplies matrices. Its own default is far higher in some
#: versions, and the search of 323,114 references then takes three times as long
#: (``benchmarks/search.py``).
_BLAS_FROM = 20

#: Number of decimals at which similarities are compared.
DECIMALS = 6

#: Number of queries whose candidates are compared at a time. The system maps 64 KB around each
#: candidate in a file.
_AT_ONCE = 64

#: A search for neighbours: `nearest`, or a function that returns almost the same.
Search = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def nearest(vectors: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k most similar reference vectors of each query.

    ``vectors`` (N, D) and ``queries`` (Q, D) are float32 rows of unit length. Returns cosine
    similarities, float64 (Q, K), rounded, highest first, and rows, int64 (Q, K), where K is
    min(k, N). Equally similar references are in the order of their rows.
    """
    import faiss

    count = min(k, len(vectors))
    fetched = min(count + _SPARE, len(vectors))
    faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM
    _, rows = faiss.knn(
        np.ascontiguousarray(queries), vectors, fetched, metric=faiss.METRIC_INNER_PRODUCT
    )
    return rank_exactly(vectors, queries, rows, count)


def rank_exactly(
    vectors: np.ndarray, queries: np.ndarray, rows: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k most similar of the candidates ``rows``, int64 (Q, C), as `nearest` does."""
    products = np.empty(rows.shape)
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        products[part] = np.einsum(
            "qd,qkd->qk", queries[part], vectors[rows[part]], dtype=np.float64
        )
        release(vectors)
    similarities = np.round(products, DECIMALS)
    order = np.lexsort((rows, -similarities))[:, :k]
    return np.take_along_axis(similarities, order, 1), np.take_along_axis(rows, order, 1)


def exact(query: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the similarities of one query, (D,), and vectors, (K, D), as `nearest` does, (K,)."""
    return np.round(np.einsum("d,kd->k", query, vectors, dtype=np.float64), DECIMALS)


def nearest_others(
    vectors: np.ndarray,
    queries: np.ndarray,
    own_Q: np.ndarray,
    k: int,
    search: Search = nearest,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the same as `nearest`, without the own row of each query; ``k`` is less than N."""
    similarities, rows = search(vectors, queries, k + 1)
    others = rows != own_Q[:, None]
    others[others.all(1), -1] = False  # the own row is not among them: leave out the last
    return similarities[others].reshape(len(rows), -1), rows[others].reshape(len(rows), -1)
