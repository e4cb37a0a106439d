"""Group novel queries into units, so that one unknown species is one unit in a table.

The combined similarity of two queries is a weighted mean of their cosine similarity (weight 1) and
their fraction of identical bases (weight 2). The threshold is fitted to the references: five of six
pairs of barcodes of one species are above it.

Units are made greedily. The query that is similar to the largest number of queries is the founder
of the first unit. Among the queries that are too different from it, the next one is the founder of
the second unit, and so on. Each query joins the most similar founder. So the units do not depend
on the order of the queries. Only queries with similar vectors are aligned, and the matrix of all
pairs is never in memory.

Shapes: N distinct queries, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.classify.assignment import Assignment
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.scoring.identity import percent_identity

#: Fraction of pairs of one species that are above the threshold.
_FRACTION = 5 / 6

#: Weight of identity; that of similarity is 1.
_WEIGHT = 2

#: Maximum number of species with one pair each that the threshold is fitted to.
_SPECIES = 2_000
#: With fewer pairs the threshold is the customary one.
_MIN_PAIRS = 20

#: The customary identity within a species, and the minimum similarity of vectors to be aligned.
_CUSTOMARY = 0.97
_MIN_SIMILARITY = 0.8

_BLOCK = 512


@dataclass(frozen=True, slots=True)
class CombinedSimilarity:
    """The minimum combined similarity of a member of a unit and its founder, from 0 to 1.

    If ``vectors`` is False, the combined similarity is the identity alone.
    """

    threshold: float
    vectors: bool

    @property
    def reach(self) -> float:
        """The minimum similarity of vectors: pairs below it are too different or not considered."""
        return (1 + _WEIGHT) * self.threshold - _WEIGHT if self.vectors else _MIN_SIMILARITY

    def at_most(self, similarity: float, identity: float = 1.0) -> float:
        """Return the combined similarity, or its maximum if the identity is not given."""
        return (similarity + _WEIGHT * identity) / (1 + _WEIGHT) if self.vectors else identity

    def of(self, similarity: float, one: str, other: str) -> float:
        """Return the combined similarity of two queries."""
        return round(self.at_most(similarity, percent_identity(one, other) / 100), 6)


def fit_combined_similarity(index: ReferenceIndex, *, seed: int = 0) -> CombinedSimilarity:
    """Fit the threshold to pairs of references, each pair of one species.

    If the index has no sequences, or fewer than 20 such pairs, the combined similarity is the
    identity alone and the threshold is the customary 97 %.
    """
    customary = CombinedSimilarity(_CUSTOMARY, False)
    if index.sequences is None or "species" not in index.taxa.ranks:
        return customary
    pairs = _pairs_of_one_species(index, np.random.default_rng(seed))
    if len(pairs) < _MIN_PAIRS:
        return customary
    measure = CombinedSimilarity(1.0, True)
    found = [
        measure.of(
            float(index.vectors[i] @ index.vectors[j]), index.sequences[i], index.sequences[j]
        )
        for i, j in pairs
    ]
    return CombinedSimilarity(float(np.quantile(found, 1 - _FRACTION)), True)


def _pairs_of_one_species(index: ReferenceIndex, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw two different barcodes of each species, for at most _SPECIES species."""
    species = index.taxa.codes[index.record_lineages, index.taxa.ranks.index("species")]
    named = species >= 0
    members = np.unique(np.stack([species[named], index.record_vectors[named]], 1), axis=0)
    codes, starts, counts = np.unique(members[:, 0], return_index=True, return_counts=True)
    several = np.flatnonzero(counts >= 2)
    drawn = rng.permutation(several)[:_SPECIES]
    pairs = (members[starts[k] + rng.permutation(counts[k])[:2], 1].tolist() for k in drawn)
    return [(one, other) for one, other in pairs]


def find_units(
    bases: Sequence[str], vectors: np.ndarray, measure: CombinedSimilarity
) -> np.ndarray:
    """Return the unit of each query, int (len(bases),), numbered from 0 by first appearance.

    ``vectors`` are of unit length, float32 (len(bases), D). Identical queries are in the same unit.
    """
    if not len(bases):
        return np.zeros(0, np.int64)
    distinct = list(dict.fromkeys(bases))
    number = {one: i for i, one in enumerate(distinct)}
    rows = np.array([number[one] for one in bases])
    vectors_ND = vectors[np.unique(rows, return_index=True)[1]]
    order = _busiest_first(distinct, vectors_ND, np.bincount(rows), measure.reach)
    founders = _found(distinct, vectors_ND, order, measure)[rows]
    appeared = {founder: unit for unit, founder in enumerate(dict.fromkeys(founders.tolist()))}
    return np.array([appeared[founder] for founder in founders.tolist()])


def _busiest_first(
    distinct: Sequence[str], vectors_ND: np.ndarray, counts_N: np.ndarray, reach: float
) -> np.ndarray:
    """Return the order in which rows become founders: those similar to the most queries first.

    Ties are broken by length, longest first, and then by alphabetical order.
    """
    busy_N = np.concatenate(
        [
            (_similarities(vectors_ND, vectors_ND[i : i + _BLOCK].T) >= reach).T @ counts_N
            for i in range(0, len(vectors_ND), _BLOCK)
        ]
    )
    alphabet_N = np.argsort(np.argsort(np.array(distinct, dtype=object), kind="stable"))
    lengths_N = np.array([len(one) for one in distinct])
    return np.lexsort((alphabet_N, -lengths_N, -busy_N))


def _found(
    distinct: Sequence[str], vectors_ND: np.ndarray, order: np.ndarray, measure: CombinedSimilarity
) -> np.ndarray:
    """Return the row of each row's founder, int (N,)."""
    founder_N = np.full(len(distinct), -1)
    best_N = np.full(len(distinct), -1.0)
    for row in order.tolist():
        if founder_N[row] >= 0:
            continue
        founder_N[row], best_N[row] = row, 2.0
        similar_N = _similarities(vectors_ND, vectors_ND[row])
        for other in np.flatnonzero(similar_N >= measure.reach).tolist():
            similarity = float(similar_N[other])
            if measure.at_most(similarity) <= best_N[other]:
                continue
            combined = measure.of(similarity, distinct[row], distinct[other])
            if combined >= measure.threshold and combined > best_N[other]:
                founder_N[other], best_N[other] = row, combined
    return founder_N


def _similarities(vectors_ND: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return rounded cosines: the last bits depend on how many are computed at a time."""
    return np.round(vectors_ND @ others, 5)


class NovelUnits:
    """Collect assignments, then return the unit of each one. A unit is of one marker."""

    def __init__(self) -> None:
        self._count = 0
        self._novel: dict[str | None, list[tuple[int, str, np.ndarray]]] = {}

    def add(self, assignment: Assignment) -> None:
        """Add the next query. Bases and vector are kept if it is novel."""
        if assignment.status == "novel":
            assert assignment.bases is not None and assignment.vector is not None
            kept = self._count, assignment.bases, assignment.vector.copy()
            self._novel.setdefault(assignment.marker, []).append(kept)
        self._count += 1

    def names(self, index_of: Callable[[str | None], ReferenceIndex]) -> list[str | None]:
        """Return the unit of each query, in order; None if it is not novel.

        ``index_of`` returns the index that named the queries of a marker.
        """
        names: list[str | None] = [None] * self._count
        first = 1
        for marker, novel in self._novel.items():
            rows, bases, vectors = zip(*novel, strict=True)
            measure = fit_combined_similarity(index_of(marker))
            units = find_units(bases, np.stack(vectors), measure)
            for row, unit in zip(rows, units.tolist(), strict=True):
                names[row] = f"novel_{first + unit:04d}"
            first += int(units.max()) + 1
        return names
