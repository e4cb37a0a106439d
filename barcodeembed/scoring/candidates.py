"""From the references that are close by vectors to the neighbours that vote.

The vector of a whole barcode ranks the right references first. That of a fragment ranks them among
the first thousand, but often not among the first ten, and a fragment from beyond the part of the
marker that the model knows is not ranked at all. So a fragment has more candidates: the closest by
vectors, and those that share the most rare k-mers. All are aligned, and the best vote. Prototypes
have no sequences to align; the k-mers that they share take the place of the identity.

Shapes: Q queries, N references, C candidates, K neighbours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np

from barcodeembed.scoring.features import Neighbours
from barcodeembed.scoring.identity import Identities
from barcodeembed.vectors.search import Search, exact, nearest

#: Queries of at least this fraction of a complete barcode are whole, shorter ones are fragments.
WHOLE = 0.9


def count_read(bases: str) -> int:
    """Return the number of letters that are not N, which stands for a base that was not read.

    >>> count_read("ACNNGTR")
    5
    """
    return len(bases) - bases.count("N")


def is_fragment(read: Any, complete_length: float) -> Any:
    """Return whether queries of which so many bases were read are fragments.

    >>> is_fragment(np.array([585, 584]), 650.0).tolist()
    [False, True]
    """
    return read / complete_length < WHOLE


@dataclass(frozen=True, slots=True)
class Weights:
    """How neighbours count: the ``temperature`` of the vote, and the weight of ``identity``.

    Identity counts relative to similarity. Without sequences it is the weight of shared k-mers.
    ``upper`` is the temperature of the ranks above the genus, if it is another one.
    """

    temperature: float
    identity: float = 0.0
    upper: float | None = None

    def temperatures(self, above_genus: np.ndarray) -> np.ndarray:
        """Return the temperature of each rank, float64 (R,); ``above_genus`` is bool (R,)."""
        return np.where(above_genus, self.upper or self.temperature, self.temperature)


class Kmers(Protocol):
    """The k-mers of references, as `SharedKmers` has them."""

    def scores(self, query: str) -> np.ndarray: ...

    def closest(
        self, query: str, count: int, given: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...

    def score_of(self, query: str, hashes: np.ndarray) -> float: ...


class KmerMatches(NamedTuple):
    """References that share the most k-mers, best first, their scores, and those of given rows."""

    rows: np.ndarray
    scores: np.ndarray
    of_given: np.ndarray


class Candidates(NamedTuple):
    """The candidates of one query: similarities, rows of the reference and k-mer scores, (C,).

    The k-mer scores are zero where k-mers do not count.
    """

    similarities: np.ndarray
    rows: np.ndarray
    shared: np.ndarray


@dataclass(frozen=True, slots=True)
class Finder:
    """Find the neighbours of queries.

    Attributes:
        count: The number of neighbours that vote.
        candidates: The number of candidates by vectors, and at most as many by k-mers.
        whole: How neighbours of whole barcodes count.
        fragments: How neighbours of fragments count.
        complete_length: The length of a complete barcode, in bases.
        align: Returns the identities of query sequences and rows of the reference, (Q, C); None
            if the reference contains no sequences.
        kmers: The k-mers of the references; None to search by vectors alone.
        kmers_for_all: Whether k-mers count for whole barcodes, too.
        search: Finds the closest references by vectors.
    """

    count: int
    candidates: int
    whole: Weights
    fragments: Weights
    complete_length: float
    align: Callable[[Sequence[str], np.ndarray], Identities] | None = None
    kmers: Kmers | None = None
    kmers_for_all: bool = False
    search: Search = nearest

    def weights(self, query: str) -> Weights:
        """Return how the neighbours of a query count."""
        return self.fragments if self._is_fragment(query) else self.whole

    def temperatures(self, queries: Sequence[str], above_genus: np.ndarray) -> np.ndarray:
        """Return the temperature of the vote on each query at each rank, float64 (Q, R).

        ``above_genus``, bool (R,), is true for the ranks above the genus.
        """
        temperatures = [self.weights(query).temperatures(above_genus) for query in queries]
        return np.reshape(temperatures, (len(queries), len(above_genus)))

    def kmer_scores(self, query: str) -> np.ndarray | None:
        """Return the k-mer scores of all references, (N,), if they count for this query."""
        if self.kmers is None or not self._counts_kmers(query):
            return None
        return self.kmers.scores(query)

    def _counts_kmers(self, query: str) -> bool:
        return self.kmers_for_all or self._is_fragment(query)

    def _is_fragment(self, query: str) -> bool:
        return is_fragment(count_read(query), self.complete_length)

    def with_kmers(
        self,
        vectors_ND: np.ndarray,
        asked_D: np.ndarray,
        similarities: np.ndarray,
        rows: np.ndarray,
        scores_N: np.ndarray | None,
    ) -> Candidates:
        """Add the best references by k-mers to those by vectors.

        As many are added as there are by vectors. ``scores_N`` are `kmer_scores`, 0 for references
        that must not be found.
        """
        found = None
        if scores_N is not None:
            by_kmers = best(scores_N, 2 * len(rows))
            found = KmerMatches(by_kmers, scores_N[by_kmers], scores_N[rows])
        return _joined(vectors_ND, asked_D, similarities, rows, found)

    def rank(self, queries: Sequence[str], candidates: Sequence[Candidates]) -> Neighbours:
        """Align the candidates of each query, and return the best ``count`` by score."""
        groups = defaultdict(list)  # queries whose candidates fit into one array
        for i, (query, found) in enumerate(zip(queries, candidates, strict=True)):
            groups[len(found.rows), self.weights(query).identity].append(i)
        parts = []
        for (_, weight), numbers in groups.items():
            asked = [queries[i] for i in numbers]
            of = Candidates(*map(np.array, zip(*(candidates[i] for i in numbers), strict=True)))
            rows_QC = of.rows if weight else of.rows[:, :1]
            aligned = self.align(asked, rows_QC) if self.align else None
            parts.append(self.ranked(of, aligned, weight))
        return Neighbours.join(parts, np.argsort(list(chain(*groups.values()))))

    def ranked(
        self, candidates: Candidates, aligned: Identities | None, weight: float
    ) -> Neighbours:
        """Return the best ``count`` of candidates, (Q, C) each, by score."""
        similarities_QC, rows_QC, shared_QC = candidates
        found = Neighbours.ranked(
            similarities_QC, rows_QC, aligned, weight, None if self.align else shared_QC
        )
        return found.first(self.count)

    def find(
        self, vectors_ND: np.ndarray, queries: Sequence[str], asked_QD: np.ndarray
    ) -> Neighbours:
        """Return the neighbours of queries with the vectors ``asked_QD``.

        The vectors have unit length, or are longer where similarities are to be raised. Those of a
        query are lowered again together if the highest is above 1.
        """
        similarities_QK, rows_QK = self.search(vectors_ND, asked_QD, self.candidates)
        candidates = []
        for i, query in enumerate(queries):
            rows, by_kmers = rows_QK[i], None
            if self.kmers is not None and self._counts_kmers(query):
                by_kmers = KmerMatches(*self.kmers.closest(query, 2 * len(rows), rows))
            found = _joined(vectors_ND, asked_QD[i], similarities_QK[i], rows, by_kmers)
            near = found.similarities
            candidates.append(found._replace(similarities=near / max(near[0], 1.0)))
        return self.rank(queries, candidates)


def _joined(
    vectors_ND: np.ndarray,
    asked_D: np.ndarray,
    similarities: np.ndarray,
    rows: np.ndarray,
    found: KmerMatches | None,
) -> Candidates:
    """Return the candidates by vectors, and as many by k-mers that are not among them."""
    if found is None:
        return Candidates(similarities, rows, np.zeros(len(rows)))
    new = np.flatnonzero(~np.isin(found.rows, rows))[: len(rows)]
    added = found.rows[new]
    return Candidates(
        np.concatenate([similarities, exact(asked_D, vectors_ND[added])]),
        np.concatenate([rows, added]),
        np.concatenate([found.of_given, found.scores[new]]),
    )


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the rows of the (at most) ``count`` highest positive scores, best first, int64.

    >>> best(np.array([0.0, 2.0, 0.0, 3.0, 2.0]), 2)
    array([3, 1])
    """
    for floor in (scores.max(initial=0.0) / 4, 0.0):  # few references are above the first
        rows = np.flatnonzero(scores > floor)
        if len(rows) >= count:
            break
    if len(rows) > count:
        least = np.partition(scores[rows], len(rows) - count)[len(rows) - count]
        rows = rows[scores[rows] >= least]
    return rows[np.lexsort((rows, -scores[rows]))][:count]
