"""Novel queries put into units, so that one unknown species is one thing in a table.

Two queries are as alike as the mean of their similarity and, counted twice, of their identity as a
share. How alike those of one unit must be is learnt from the reference: five of six pairs of
barcodes of one species are. Units have a founder: first the query with the most others near it,
then of those that are too unlike it the next, and so on; each query joins the founder that it is
most like. So units depend on the queries and not on their order. Only queries whose vectors are
near are aligned, and no matrix of all pairs is held.
Shapes: N distinct queries, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.classify.assignment import Assignment
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.scoring.identity import percent_identity

#: Share of pairs of one species that are as alike as a unit's members must be.
_SHARE = 5 / 6

#: What identity counts beside similarity.
_WEIGHT = 2

#: Species that a pair is drawn of, at most; with fewer than the second number nothing is learnt.
_SPECIES = 2_000
_MIN_COUNT = 20

#: The customary limit of a species, and how similar vectors must be to be aligned for it.
_CUSTOMARY = 0.97
_NEAR = 0.8

_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike members of a unit are to its founder at least, from 0 to 1.

    Where ``vectors`` is False identity counts alone.
    """

    least: float
    vectors: bool

    @property
    def reach(self) -> float:
        """Similarity below which no pair can be alike enough, or is not looked at."""
        return (1 + _WEIGHT) * self.least - _WEIGHT if self.vectors else _NEAR

    def at_most(self, similarity: float, identity: float = 1.0) -> float:
        """Return how alike two are, or can be, of these vectors."""
        return (similarity + _WEIGHT * identity) / (1 + _WEIGHT) if self.vectors else identity

    def of(self, similarity: float, one: str, other: str) -> float:
        """Return how alike two queries are."""
        return round(self.at_most(similarity, percent_identity(one, other) / 100), 6)


def learn_likeness(index: ReferenceIndex, *, seed: int = 0) -> Likeness:
    """Learn from pairs of references, each of one species, how alike members of a unit are.

    Where the index keeps no sequences, or has few such pairs, identity alone counts, and the
    limit is the customary 97 %.
    """
    customary = Likeness(_CUSTOMARY, False)
    if index.sequences is None or "species" not in index.taxa.ranks:
        return customary
    pairs = _pairs_of_one_species(index, np.random.default_rng(seed))
    if len(pairs) < _MIN_COUNT:
        return customary
    measure = Likeness(1.0, True)
    found = [
        measure.of(
            float(index.vectors[i] @ index.vectors[j]), index.sequences[i], index.sequences[j]
        )
        for i, j in pairs
    ]
    return Likeness(float(np.quantile(found, 1 - _SHARE)), True)


def _pairs_of_one_species(index: ReferenceIndex, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw two different barcodes of each of some species."""
    species = index.taxa.codes[index.record_lineages, index.taxa.ranks.index("species")]
    named = species >= 0
    members = np.unique(np.stack([species[named], index.record_vectors[named]], 1), axis=0)
    codes, starts, counts = np.unique(members[:, 0], return_index=True, return_counts=True)
    several = np.flatnonzero(counts >= 2)
    drawn = rng.permutation(several)[:_SPECIES]
    return [tuple(members[starts[k] + rng.permutation(counts[k])[:2], 1].tolist()) for k in drawn]


def find_units(bases: Sequence[str], vectors: np.ndarray, likeness: Likeness) -> np.ndarray:
    """Return the unit of each query, int (len(bases),), numbered from 0 by first appearance.

    ``vectors`` are of unit length, float32 (len(bases), D). Queries of the same bases share a unit.
    """
    if not len(bases):
        return np.zeros(0, np.int64)
    distinct = list(dict.fromkeys(bases))
    number = {one: i for i, one in enumerate(distinct)}
    rows = np.array([number[one] for one in bases])
    vectors_ND = vectors[np.unique(rows, return_index=True)[1]]
    order = _busiest_first(distinct, vectors_ND, np.bincount(rows), likeness.reach)
    founders = _found(distinct, vectors_ND, order, likeness)[rows]
    appeared = {founder: unit for unit, founder in enumerate(dict.fromkeys(founders.tolist()))}
    return np.array([appeared[founder] for founder in founders.tolist()])


def _busiest_first(
    distinct: Sequence[str], vectors_ND: np.ndarray, counts_N: np.ndarray, reach: float
) -> np.ndarray:
    """Return rows in the order in which they may found units: most queries within reach first.

    Then the longer, then in the order of the alphabet.
    """
    busy_N = np.concatenate(
        [
            (_similarities(vectors_ND, vectors_ND[i : i + _BLOCK].T) >= reach).T @ counts_N
            for i in range(0, len(vectors_ND), _BLOCK)
        ]
    )
    alphabet_N = np.argsort(np.argsort(np.array(distinct, dtype=object), kind="stable"))
    return np.lexsort((alphabet_N, [-len(one) for one in distinct], -busy_N))


def _found(
    distinct: Sequence[str], vectors_ND: np.ndarray, order: np.ndarray, likeness: Likeness
) -> np.ndarray:
    """Return the row of each row's founder, int (N,)."""
    founder_N = np.full(len(distinct), -1)
    best_N = np.full(len(distinct), -1.0)
    for row in order:
        if founder_N[row] >= 0:
            continue
        founder_N[row], best_N[row] = row, 2.0
        similar_N = _similarities(vectors_ND, vectors_ND[row])
        for other in np.flatnonzero(similar_N >= likeness.reach):
            similarity = float(similar_N[other])
            if likeness.at_most(similarity) <= best_N[other]:
                continue
            alike = likeness.of(similarity, distinct[row], distinct[other])
            if alike >= likeness.least and alike > best_N[other]:
                founder_N[other], best_N[other] = row, alike
    return founder_N


def _similarities(vectors_ND: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return cosines, rounded: their last bits depend on how many are computed at a time."""
    return np.round(vectors_ND @ others, 5)


class NovelUnits:
    """The units of a table's queries, told when all of them were seen."""

    def __init__(self) -> None:
        self._count = 0
        self._rows: list[int] = []
        self._bases: list[str] = []
        self._vectors: list[np.ndarray] = []

    def add(self, assignment: Assignment) -> None:
        """See the next query; of one that is novel its bases and vector are kept."""
        if assignment.status == "novel":
            self._rows.append(self._count)
            self._bases.append(assignment.bases)
            self._vectors.append(assignment.vector.copy())
        self._count += 1

    def names(self, index: ReferenceIndex) -> list[str | None]:
        """Return the unit of every query, in their order; None of those that are not novel."""
        names: list[str | None] = [None] * self._count
        if self._rows:
            units = find_units(self._bases, np.stack(self._vectors), learn_likeness(index))
            for row, unit in zip(self._rows, units.tolist(), strict=True):
                names[row] = f"novel_{unit + 1:04d}"
        return names
