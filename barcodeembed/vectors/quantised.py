"""Nearest neighbours among millions: 8-bit codes in clusters find candidates, float32 ranks them.

Vectors are in clusters (spherical k-means), and stored again as 8-bit integers, in the order of the
clusters. A query is compared only with the codes of the clusters whose centres are almost as
similar to it as the most similar centre is (an inverted file, as of FAISS; but a barcode in the
middle of a cluster visits few clusters, a short fragment many). The similarities of the best
candidates are computed again from the vectors themselves, as in an exact search.

Queries are rounded to integers, too, so small that their products with the codes are integers below
2**24. In single precision these are exact. So the candidates do not depend on the number of queries
or threads, and the codes can be multiplied as matrices.

Shapes: N vectors, D dimensions, L clusters, Q queries, C candidates, n and q those of one cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from barcodeembed.vectors.mapped import release
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.prototypes import quantise
from barcodeembed.vectors.search import nearest, rank_exactly

#: Number of candidates in addition to k, so that rounding to 8 bits does not lose the nearest.
_SPARE = 118

#: Clusters for the square root of the number of vectors, and the fewest vectors of a cluster.
_DENSITY = 2
_SMALLEST = 256

#: For the clustering: vectors per cluster, and iterations of k-means.
_TRAINED_ON = 32
_ITERATIONS = 8

_AT_ONCE = 4096

#: Number of codes that are read from disk before their memory is given back.
_MOST_MAPPED = 1 << 20


@dataclass(frozen=True, slots=True)
class Quantised:
    """Vectors as 8-bit codes in clusters.

    Attributes:
        centres: int8 (L, D), the centres of the clusters.
        starts: int64 (L + 1,), where the codes of each cluster start.
        rows: uint32 (N,), the vector of each code.
        codes: int8 (N, D). Only the direction of a code matters.
        lengths: float32 (N,), the length of each code.
        margin: The clusters that are visited have centres that are at most by this less similar to
            a query than the most similar centre.
    """

    centres: np.ndarray
    starts: np.ndarray
    rows: np.ndarray
    codes: np.ndarray
    lengths: np.ndarray
    margin: float

    @classmethod
    def of(cls, vectors: np.ndarray, margin: float = 0.0, *, seed: int = 0) -> Quantised:
        """Cluster and quantise unit vectors, float32 (N, D)."""
        clusters = min(round(_DENSITY * len(vectors) ** 0.5), len(vectors) // (2 * _SMALLEST))
        centres = _find_centres(vectors, max(clusters, 1), np.random.default_rng(seed))
        labels, centres = _dissolve_small(vectors, most_similar(vectors, centres), centres)
        rows = np.argsort(labels, kind="stable").astype(np.uint32)
        codes = np.empty(vectors.shape, np.int8)
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            codes[part] = quantise(vectors[rows[part]])
        starts = np.append(0, np.bincount(labels, minlength=len(centres)).cumsum())
        return cls(centres, starts, rows, codes, lengths_of(codes), margin)

    def extended(self, places: np.ndarray, rows: np.ndarray, vectors: np.ndarray) -> Quantised:
        """Return the codes with those of more vectors, (n, D), in the same clusters.

        ``places`` (N,) are the rows of the old vectors among all, and ``rows`` (n,) those of the
        new ones.
        """
        sizes = np.diff(self.starts)
        labels = np.append(
            np.repeat(np.arange(len(sizes)), sizes), most_similar(vectors, self.centres)
        )
        places = np.append(places[self.rows], rows)
        order = np.lexsort((places, labels))
        codes = np.concatenate([self.codes, quantise(vectors)])[order]
        starts = np.append(0, np.bincount(labels, minlength=len(sizes)).cumsum())
        return replace(
            self,
            starts=starts,
            rows=places[order].astype(np.uint32),
            codes=codes,
            lengths=lengths_of(codes),
        )

    def nearest(
        self, vectors: np.ndarray, queries: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what `search.nearest` does, except for a few of the k nearest that are missed."""
        count = k + _SPARE
        if not len(queries) or count > np.diff(self.starts).min():  # more than a cluster has
            return nearest(vectors, queries, k)
        return rank_exactly(vectors, queries, self._candidates(queries, count), k)

    @property
    def clusters(self) -> np.ndarray:
        """The number of the cluster of each vector, int64 (N,)."""
        clusters = np.empty(len(self.rows), np.int64)
        clusters[self.rows] = np.repeat(np.arange(len(self.centres)), np.diff(self.starts))
        return clusters

    def similarities(self, queries: np.ndarray) -> np.ndarray:
        """Return the similarities of queries and the centres of all clusters, float32 (Q, L)."""
        return _similarities(_as_integers(queries), self.centres, lengths_of(self.centres))

    def _candidates(self, queries: np.ndarray, count: int) -> np.ndarray:
        """Return the rows of the best candidates of each query, int64 (Q, count)."""
        asked_QD, near_QL = _as_integers(queries), self.similarities(queries)
        best_Q = near_QL.argmax(1)
        floor_Q = np.empty(len(queries), np.float32)  # one cluster has enough that are no worse
        for cluster in np.unique(best_Q).tolist():
            of = np.flatnonzero(best_Q == cluster)
            scores_qn = self._scores(asked_QD[of], cluster)
            floor_Q[of] = np.partition(scores_qn, -count, 1)[:, -count]
        visited_QL = near_QL >= near_QL.max(1, keepdims=True) - np.float32(self.margin)
        visited_QL[~asked_QD.any(1), 1:] = False  # equally similar to all: one is enough
        found = []
        read = 0
        for cluster in np.flatnonzero(visited_QL.any(0)).tolist():
            of = np.flatnonzero(visited_QL[:, cluster])
            scores_qn = self._scores(asked_QD[of], cluster)
            read += scores_qn.shape[1]
            if read > _MOST_MAPPED:
                release(self.codes)
                read = 0
            q, n = np.nonzero(scores_qn >= floor_Q[of, None])
            found.append((of[q], scores_qn[q, n], self.rows[self.starts[cluster] + n]))
        owners, scores, rows = map(np.concatenate, zip(*found, strict=True))
        order = np.lexsort((-scores, owners))
        first = np.searchsorted(owners[order], np.arange(len(queries)))
        return rows[order][first[:, None] + np.arange(count)].astype(np.int64)

    def _scores(self, asked_qD: np.ndarray, cluster: int) -> np.ndarray:
        """Return the approximate similarities of queries and the codes of a cluster, (q, n)."""
        part = slice(self.starts[cluster], self.starts[cluster + 1])
        return _similarities(asked_qD, self.codes[part], self.lengths[part])


def most_similar(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the number of the most similar centre, int8 (L, D), of each vector, int64 (N,)."""
    labels, lengths = np.empty(len(vectors), np.int64), lengths_of(centres)
    for start in range(0, len(vectors), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        labels[part] = _similarities(_as_integers(vectors[part]), centres, lengths).argmax(1)
    return labels


def lengths_of(codes: np.ndarray) -> np.ndarray:
    """Return the lengths of codes, float32 (N,); 1 for a code of zeros."""
    squares = np.einsum("nd,nd->n", codes, codes, dtype=np.int64)
    return np.sqrt(np.maximum(squares, 1)).astype(np.float32)


def _find_centres(vectors: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Return the centres of clusters of a sample of the vectors, by k-means, int8 (L, D)."""
    size = min(len(vectors), _TRAINED_ON * clusters)
    sample = vectors[np.sort(rng.choice(len(vectors), size, replace=False))]
    centres = quantise(sample[rng.choice(size, clusters, replace=False)])
    for _ in range(_ITERATIONS):
        labels = most_similar(sample, centres)
        order = np.argsort(labels, kind="stable")
        filled, starts = np.unique(labels[order], return_index=True)
        centres[filled] = quantise(np.add.reduceat(sample[order], starts, dtype=np.float64))
    return centres


def _dissolve_small(
    vectors: np.ndarray, labels: np.ndarray, centres: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the vectors of small clusters to the other clusters; return labels and centres."""
    sizes = np.bincount(labels, minlength=len(centres))
    kept = sizes >= min(_SMALLEST, sizes.max())
    moved = ~kept[labels]
    labels = (kept.cumsum() - 1)[labels]
    labels[moved] = most_similar(vectors[moved], centres[kept])
    return labels, centres[kept]


def _as_integers(queries: np.ndarray) -> np.ndarray:
    """Return the directions of queries as whole numbers in single precision, (Q, D)."""
    return np.round(np.nan_to_num(normalise(queries)) * _scale(queries.shape[1]))


def _scale(width: int) -> np.float32:
    """Return the length of queries as integers: their products with codes are below 2**24.

    By the inequality of Cauchy and Schwarz, for the longest code, and queries made longer by
    rounding.
    """
    return np.float32(2**24 / (127 * width**0.5) - width**0.5 / 2)


def _similarities(asked_QD: np.ndarray, codes_ND: np.ndarray, lengths_N: np.ndarray) -> np.ndarray:
    """Return the similarities of queries from `_as_integers` and codes, float32 (Q, N)."""
    products_QN = asked_QD @ codes_ND.astype(np.float32).T
    return products_QN / (lengths_N * _scale(asked_QD.shape[1]))
