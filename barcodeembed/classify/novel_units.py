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
    founders = find_founders(bases, vectors, measure)
    appeared = {founder: unit for unit, founder in enumerate(dict.fromkeys(founders))}
    return np.array([appeared[founder] for founder in founders], np.int64)


def find_founders(
    bases: Sequence[str], vectors: np.ndarray, measure: CombinedSimilarity, *, known: int = 0
) -> list[str]:
    """Return the bases of the founder of each query's unit.

    The first ``known`` queries are founders, however similar they are; their bases must differ.
    """
    if not len(bases):
        return []
    distinct = list(dict.fromkeys(bases))
    number = {one: i for i, one in enumerate(distinct)}
    rows = np.array([number[one] for one in bases])
    vectors_ND = vectors[np.unique(rows, return_index=True)[1]]
    counts_N = np.bincount(rows[known:], minlength=len(distinct))
    order = _busiest_first(distinct, vectors_ND, counts_N, measure.reach)
    order = np.concatenate([np.arange(known), order[order >= known]])
    founder_N = _found(distinct, vectors_ND, order, measure, known)
    return [distinct[founder] for founder in founder_N[rows].tolist()]


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
    distinct: Sequence[str],
    vectors_ND: np.ndarray,
    order: np.ndarray,
    measure: CombinedSimilarity,
    known: int,
) -> np.ndarray:
    """Return the row of each row's founder, int (N,); the first ``known`` are founders."""
    founder_N = np.full(len(distinct), -1)
    best_N = np.full(len(distinct), -1.0)
    best_N[:known] = 2.0  # so that they never join another founder
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
    """Collect assignments, then return the unit of each one."""

    def __init__(self) -> None:
        self._count = 0
        self._rows: list[int] = []
        self._bases: list[str] = []
        self._vectors: list[np.ndarray] = []

    def add(self, assignment: Assignment | None) -> None:
        """Add the next query, or None to leave one out. What is novel is kept: bases and vector."""
        if assignment is not None and assignment.status == "novel":
            assert assignment.bases is not None and assignment.vector is not None
            self._rows.append(self._count)
            self._bases.append(assignment.bases)
            self._vectors.append(assignment.vector.copy())
        self._count += 1

    def names(self, index: ReferenceIndex) -> list[str | None]:
        """Return the unit of each query, in order; None if it is not novel."""
        if not self._rows:
            return [None] * self._count
        units = find_units(self._bases, np.stack(self._vectors), fit_combined_similarity(index))
        return self._of_all([f"novel_{unit + 1:04d}" for unit in units.tolist()])

    def names_by_founder(
        self,
        index: ReferenceIndex,
        known: Sequence[str],
        vectors: np.ndarray,
        name_of: Callable[[str, int], str],
    ) -> list[str | None]:
        """Return the unit of each query, in order; units with ``known`` founders come first.

        ``vectors`` are those of the known founders. ``name_of`` returns the name of the unit of a
        founder; it is also given the number of the first query in this unit.
        """
        if not self._rows:
            return [None] * self._count
        founders = find_founders(
            [*known, *self._bases],
            np.concatenate([vectors, np.stack(self._vectors)]),
            fit_combined_similarity(index),
            known=len(known),
        )[len(known) :]
        named: dict[str, str] = {}
        for row, founder in zip(self._rows, founders, strict=True):
            if founder not in named:
                named[founder] = name_of(founder, row)
        return self._of_all([named[founder] for founder in founders])

    def _of_all(self, units: Sequence[str]) -> list[str | None]:
        names: list[str | None] = [None] * self._count
        for row, unit in zip(self._rows, units, strict=True):
            names[row] = unit
        return names
