"""From the references that are close by vectors to the neighbours that vote.

The vector of a whole barcode ranks the right references first. That of a fragment ranks them among
the first thousand, but often not among the first ten, and a fragment from beyond the part of the
marker that the model knows is not ranked at all. So a fragment has more candidates: the closest by
vectors, and those that share the most rare k-mers. All are aligned, and the best vote.

Shapes: Q queries, N references, C candidates, K neighbours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np

from barcodeembed.scoring.features import Neighbours
from barcodeembed.scoring.identity import Identities
from barcodeembed.vectors.search import exact, nearest

#: Queries of at least this fraction of the median length are whole, shorter ones are fragments.
WHOLE = 0.9


def count_read(bases: str) -> int:
    """Return the number of letters that are not N, which stands for a base that was not read.

    >>> count_read("ACNNGTR")
    5
    """
    return len(bases) - bases.count("N")


@dataclass(frozen=True, slots=True)
class Weights:
    """How neighbours count: the ``temperature`` of the vote, and the weight of ``identity``.

    Identity counts relative to similarity.
    """

    temperature: float
    identity: float = 0.0


class Kmers(Protocol):
    """Scores all references by the k-mers that they share with a query, (N,)."""

    def scores(self, query: str) -> np.ndarray: ...


@dataclass(frozen=True, slots=True)
class Finder:
    """Find the neighbours of queries.

    Attributes:
        count: The number of neighbours that vote.
        whole: How neighbours of whole barcodes count.
        fragments: How neighbours of fragments count.
        median_length: The median length of the references, in bases.
        align: Returns the identities of query sequences and rows of the reference, (Q, C); None
            if the reference contains no sequences.
        kmers: The k-mers of the references; None to search by vectors alone.
    """

    count: int
    whole: Weights
    fragments: Weights
    median_length: float
    align: Callable[[Sequence[str], np.ndarray], Identities] | None = None
    kmers: Kmers | None = None

    def weights(self, query: str) -> Weights:
        """Return how the neighbours of a query count."""
        return self.fragments if self._is_fragment(query) else self.whole

    def temperatures(self, queries: Sequence[str]) -> np.ndarray:
        """Return the temperature of the vote on each query, float64 (Q, 1)."""
        return np.array([[self.weights(query).temperature] for query in queries])

    def kmer_scores(self, query: str) -> np.ndarray | None:
        """Return the k-mer scores of all references, (N,), if they count for this query."""
        if self.kmers is None or not self._is_fragment(query):
            return None
        return self.kmers.scores(query)

    def _is_fragment(self, query: str) -> bool:
        return count_read(query) < WHOLE * self.median_length

    def with_kmers(
        self,
        vectors_ND: np.ndarray,
        asked_D: np.ndarray,
        similarities: np.ndarray,
        rows: np.ndarray,
        scores_N: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add the best references by k-mers to those by vectors: similarities and rows, (C,).

        As many are added as there are by vectors. ``scores_N`` are `kmer_scores`, 0 for references
        that must not be found.
        """
        if scores_N is None:
            return similarities, rows
        found = best(scores_N, 2 * len(rows))
        added = found[~np.isin(found, rows)][: len(rows)]
        return (
            np.concatenate([similarities, exact(asked_D, vectors_ND[added])]),
            np.concatenate([rows, added]),
        )

    def rank(
        self, queries: Sequence[str], similarities: Sequence[np.ndarray], rows: Sequence[np.ndarray]
    ) -> Neighbours:
        """Align the candidates of each query, and return the best ``count`` by score."""
        groups = defaultdict(list)  # queries whose candidates fit into one array
        for i, (query, row) in enumerate(zip(queries, rows, strict=True)):
            groups[len(row), self.weights(query).identity].append(i)
        parts = [
            self._rank(
                [queries[i] for i in numbers],
                np.array([similarities[i] for i in numbers]),
                np.array([rows[i] for i in numbers]),
                weight,
            )
            for (_, weight), numbers in groups.items()
        ]
        return Neighbours.join(parts, np.argsort(list(chain(*groups.values()))))

    def _rank(
        self,
        queries: Sequence[str],
        similarities_QC: np.ndarray,
        rows_QC: np.ndarray,
        weight: float,
    ) -> Neighbours:
        aligned = self.align(queries, rows_QC if weight else rows_QC[:, :1]) if self.align else None
        return Neighbours.ranked(similarities_QC, rows_QC, aligned, weight).first(self.count)

    def find(
        self, vectors_ND: np.ndarray, queries: Sequence[str], asked_QD: np.ndarray
    ) -> Neighbours:
        """Return the neighbours of queries with the vectors ``asked_QD``.

        The vectors have unit length, or are longer where similarities are to be raised. Those of a
        query are lowered again together if the highest is above 1.
        """
        similarities_QK, rows_QK = nearest(vectors_ND, asked_QD, self.count)
        similarities, rows = list(similarities_QK), list(rows_QK)
        for i, query in enumerate(queries):
            near, rows[i] = self.with_kmers(
                vectors_ND, asked_QD[i], similarities[i], rows[i], self.kmer_scores(query)
            )
            similarities[i] = near / max(near[0], 1.0)
        return self.rank(queries, similarities, rows)


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the rows of the (at most) ``count`` highest positive scores, best first, int64.

    >>> best(np.array([0.0, 2.0, 0.0, 3.0, 2.0]), 2)
    array([3, 1])
    """
    rows = np.flatnonzero(scores > 0)
    if len(rows) > count:
        least = np.partition(scores[rows], len(rows) - count)[len(rows) - count]
        rows = rows[scores[rows] >= least]
    return rows[np.lexsort((rows, -scores[rows]))][:count]
