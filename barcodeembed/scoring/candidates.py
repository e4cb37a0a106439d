"""From the references that are close by vectors to the neighbours that vote.

The vector of a whole barcode ranks the right references first. That of a fragment ranks them among
the first thousand, but often not among the first ten. So a fragment's neighbours are chosen from a
wide net: the closest by vectors, and those that share the most rare k-mers. All are aligned, and
the best vote. The net widens as the query shortens.

Shapes: Q queries, W candidates of the net, C candidates that are aligned, K neighbours.
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
from barcodeembed.vectors.search import nearest

#: Queries of at least this fraction of the median length need no net.
_WHOLE = 0.9

#: The weight of identity for fragments, at least. Not tuned; docs/how-it-works.md has the figures.
_FRAGMENT_WEIGHT = 8.0

#: Widths of the net for fragments of at least this fraction of the median length.
_WIDTHS = {0.65: 100, 0.0: 1_000}


def count_read(bases: str) -> int:
    """Return the number of letters that are not N, which stands for a base that was not read.

    >>> count_read("ACNNGTR")
    5
    """
    return len(bases) - bases.count("N")


class SharedKmers(Protocol):
    """Scores references by the k-mers that they share with a query."""

    def scores(self, query: str, rows: np.ndarray) -> np.ndarray: ...


class ScoredOnce:
    """The scores of one query that is searched several times; each is computed once.

    ``count`` is the number of references.
    """

    def __init__(self, kmers: SharedKmers, count: int) -> None:
        self._kmers = kmers
        self._known_N = np.full(count, np.nan, np.float32)

    def scores(self, query: str, rows: np.ndarray) -> np.ndarray:
        new = rows[np.isnan(self._known_N[rows])]
        self._known_N[new] = self._kmers.scores(query, new)
        return self._known_N[rows]


@dataclass(frozen=True, slots=True)
class Finder:
    """Find the neighbours of queries.

    Attributes:
        count: The number of neighbours that vote.
        identity_weight: The weight of identity relative to similarity.
        median_length: The median length of the references, in bases.
        align: Returns the identities of query sequences and rows of the reference, (Q, C); None
            if the reference contains no sequences.
        kmers: The k-mers of the references; None for no wide net.
    """

    count: int
    identity_weight: float
    median_length: float
    align: Callable[[Sequence[str], np.ndarray], Identities] | None = None
    kmers: SharedKmers | None = None

    def width(self, length: int) -> int:
        """Return the number of references by vectors from which neighbours are chosen.

        >>> [Finder(10, 4.0, 658.0, kmers=object()).width(n) for n in (658, 450, 313)]
        [10, 100, 1000]
        """
        if not self._has_net(length):
            return self.count
        part = length / self.median_length
        return max(2 * self.count, next(width for least, width in _WIDTHS.items() if part >= least))

    def _has_net(self, length: int) -> bool:
        return self.kmers is not None and length < _WHOLE * self.median_length

    def choose(
        self, query: str, similarities: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Choose from a net, (W,), the candidates to align: similarities and rows, (C,).

        The net is sorted, the most similar first. The first ``count`` are chosen, and for a
        fragment as many that share the most rare k-mers.
        """
        first = np.arange(min(self.count, len(rows)))
        if self.kmers is None or not self._has_net(count_read(query)):
            return similarities[first], rows[first]
        rest = rows[self.count :]
        others = np.lexsort((rest, -self.kmers.scores(query, rest)))[: self.count] + self.count
        chosen = np.concatenate([first, np.sort(others)])
        return similarities[chosen], rows[chosen]

    def rank(
        self, queries: Sequence[str], similarities: Sequence[np.ndarray], rows: Sequence[np.ndarray]
    ) -> Neighbours:
        """Align the candidates of each query, and return the best ``count`` by score."""
        groups = defaultdict(list)  # queries whose candidates fit into one array
        for i, (query, row) in enumerate(zip(queries, rows, strict=True)):
            groups[len(row), self._has_net(count_read(query))].append(i)
        parts = [
            self._rank(
                [queries[i] for i in numbers],
                np.array([similarities[i] for i in numbers]),
                np.array([rows[i] for i in numbers]),
                max(self.identity_weight, _FRAGMENT_WEIGHT) if has_net else self.identity_weight,
            )
            for (_, has_net), numbers in groups.items()
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
        widths = np.array([self.width(count_read(query)) for query in queries], np.int64)
        similarities: list[np.ndarray] = [np.empty(0)] * len(queries)
        rows: list[np.ndarray] = [np.empty(0, np.int64)] * len(queries)
        for width in np.unique(widths):
            numbers = np.flatnonzero(widths == width)
            found, near = nearest(vectors_ND, asked_QD[numbers], int(width))
            found /= np.maximum(found[:, :1], 1.0)
            for i, *net in zip(numbers.tolist(), found, near, strict=True):
                similarities[i], rows[i] = self.choose(queries[i], *net)
        return self.rank(queries, similarities, rows)
