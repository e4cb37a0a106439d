"""How near is near enough: learnt from the reference by hiding parts of it from itself.

For a sample of references the most similar other reference is looked up with nothing hidden but
itself (its species is known), with its own species hidden (a species new to the reference), with
its own genus hidden, and so on up. At each rank a logistic curve is fitted to the examples of
"the taxon at this rank is here" and "it is not, its parent is", both kinds weighing the same.
Where the reference is too small to give examples of one kind, mutated copies of its barcodes
stand in for it, told apart by the customary identity limits (97, 95, 90, 85 and 75%).
Shapes: S sampled references, L lineages, R ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.classify.sample import HIDDEN, Sample
from barcodeembed.classify.vote import Members
from barcodeembed.taxonomy.taxa import Taxa

#: Divergence from the nearest reference beyond which a taxon is customarily held to be new.
CUSTOMARY_DIVERGENCE = {
    "species": 0.03, "genus": 0.05, "subfamily": 0.075, "family": 0.10, "order": 0.15,
    "class": 0.25, "phylum": 0.30, "kingdom": 0.35,
}  # fmt: skip

_FEWEST_EXAMPLES = 20
_MUTANTS = 64
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class RankCurve:
    """``P(taxon is in the reference) = 1 / (1 + exp(-slope * (similarity - midpoint)))``.

    ``known`` and ``new`` count the examples of each kind; what they were is said beside.
    """

    midpoint: float
    slope: float
    known: int
    new: int
    known_from: str
    new_from: str

    def probability(self, similarities: np.ndarray) -> np.ndarray:
        exponent = np.clip(self.slope * (similarities - self.midpoint), -500, 500)
        return 1 / (1 + np.exp(-exponent))


@dataclass(frozen=True, slots=True)
class Calibration:
    """A curve per rank of the reference, highest rank first."""

    curves: dict[str, RankCurve]

    def known(self, similarities: np.ndarray) -> np.ndarray:
        """Return P(the query's taxon is in the reference), (Q, R), for top similarities (Q,).

        What is known at a rank is known at those above it, so no probability is below that of a
        lower rank.
        """
        columns = [curve.probability(similarities) for curve in self.curves.values()]
        return np.maximum.accumulate(np.stack(columns, 1)[:, ::-1], axis=1)[:, ::-1]

    def to_json(self) -> dict:
        return {
            rank: {name: getattr(curve, name) for name in RankCurve.__slots__}
            for rank, curve in self.curves.items()
        }

    @classmethod
    def from_json(cls, values: dict, ranks: Sequence[str]) -> Calibration:
        return cls({rank: RankCurve(**values[rank]) for rank in ranks})


def calibrate(
    vectors: np.ndarray, members: Members, taxa: Taxa, sample: Sample,
    sequences: Sequence[str], embed: Callable[[list[str]], np.ndarray], *, seed: int = 0,
) -> Calibration:  # fmt: skip
    """Fit the curves of a reference.

    ``vectors`` float32 (N, D) of unit length; ``sample`` the queries to learn from;
    ``sequences`` the barcodes that the vectors were made of; ``embed`` gives unit vectors of
    further barcodes.
    """
    rng = np.random.default_rng(seed)
    known, new = _hide_and_look(vectors, members, taxa, sample)
    curves = {}
    mutants = _Mutants(vectors, sequences, embed, rng)
    for rank in taxa.ranks:
        limit = CUSTOMARY_DIVERGENCE[rank]
        enough = [len(examples[rank]) >= _FEWEST_EXAMPLES for examples in (known, new)]
        here = np.array(known[rank]) if enough[0] else mutants.similarities(0, limit)
        away = np.array(new[rank]) if enough[1] else mutants.similarities(limit, 2 * limit)
        midpoint, slope = fit_logistic(here, away)
        sources = ("hidden references" if real else "mutated copies" for real in enough)
        curves[rank] = RankCurve(
            round(midpoint, 6), round(slope, 3), len(here), len(away), *sources
        )
    return Calibration(curves)


def fit_logistic(known: np.ndarray, new: np.ndarray) -> tuple[float, float]:
    """Fit midpoint and slope by Newton's method; both kinds of example weigh the same.

    A ridge on the slope, in units of the spread of the data, keeps it finite where the two kinds
    do not overlap; a slope that would fall with similarity is held at zero.
    """
    values = np.concatenate([known, new])
    labels = np.concatenate([np.ones(len(known)), np.zeros(len(new))])
    weights = np.where(labels == 1, 0.5 / len(known), 0.5 / len(new))
    centre = (known.mean() + new.mean()) / 2
    scale = max(float(values.std()), 1e-6)
    design = np.stack([(values - centre) / scale, np.ones_like(values)], 1)
    ridge = np.array([1e-4, 0.0])
    beta = np.zeros(2)
    for _ in range(50):
        fitted = 1 / (1 + np.exp(-np.clip(design @ beta, -500, 500)))
        gradient = design.T @ (weights * (labels - fitted)) - ridge * beta
        curvature = (design * (weights * fitted * (1 - fitted))[:, None]).T @ design
        step = np.linalg.solve(curvature + np.diag(ridge + 1e-9), gradient)
        beta += np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-9:
            break
    if beta[0] <= 0:
        return float(centre), 0.0
    return float(centre - scale * beta[1] / beta[0]), float(beta[0] / scale)


def _hide_and_look(
    vectors: np.ndarray, members: Members, taxa: Taxa, sample: Sample
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return the top similarities of known and of new examples, by rank."""
    known: dict[str, list[float]] = {rank: [] for rank in taxa.ranks}
    new: dict[str, list[float]] = {rank: [] for rank in taxa.ranks}
    by_lineage = np.argsort(members.lineages, kind="stable")
    owners = np.repeat(np.arange(len(vectors)), np.diff(members.starts))[by_lineage]
    firsts = np.searchsorted(members.lineages[by_lineage], np.arange(len(taxa.lineages)))
    for start in range(0, len(sample), _BLOCK):
        block = slice(start, start + _BLOCK)
        similarities = sample.vectors[block] @ vectors.T
        similarities[np.arange(len(similarities)), sample.own[block]] = sample.left[block]
        best_SL = np.maximum.reduceat(similarities[:, owners], firsts, axis=1)
        for own, best_L in zip(sample.lineages[block], np.round(best_SL, 6), strict=True):
            _examples(best_L, taxa, own, known, new)
    return known, new


def _examples(best_L: np.ndarray, taxa: Taxa, own: int, known: dict, new: dict) -> None:
    """Add what one reference, its lineage ``own``, says at each rank that it has a name at."""
    named = [r for r in range(len(taxa.ranks)) if taxa.codes[own, r] >= 0]
    hidden_L = np.zeros(len(best_L), bool)
    below: float | None = None
    for r, parent in zip(reversed(named), [*reversed(named[:-1]), None], strict=True):
        rank, same_L = taxa.ranks[r], taxa.codes[:, r] == taxa.codes[own, r]
        if r == named[-1]:
            below = _top(best_L, ~hidden_L) if _top(best_L, same_L) is not None else None
        if below is not None:
            known[rank].append(below)
        hidden_L |= same_L
        beside_L = np.ones(len(best_L), bool)
        if parent is not None:
            beside_L = taxa.codes[:, parent] == taxa.codes[own, parent]
            # A relative whose name at this rank is unknown may be of the same taxon.
            hidden_L |= beside_L & (taxa.codes[:, r] < 0)
        below = None
        if _top(best_L, beside_L & ~hidden_L) is not None:
            below = _top(best_L, ~hidden_L)
            new[rank].append(below)


def _top(best_L: np.ndarray, among_L: np.ndarray) -> float | None:
    """Return the greatest similarity among lineages that have a reference left."""
    top = best_L.max(where=among_L, initial=HIDDEN)
    return None if top == HIDDEN else float(top)


class _Mutants:
    """Copies of references with random substitutions, for want of real relatives."""

    def __init__(self, vectors, sequences, embed, rng: np.random.Generator) -> None:
        self._vectors, self._sequences, self._embed, self._rng = vectors, sequences, embed, rng

    def similarities(self, least: float, most: float) -> np.ndarray:
        """Return top similarities of copies that differ in so great a share of their sites."""
        divergences = self._rng.uniform(least, most, _MUTANTS)
        rows = self._rng.integers(0, len(self._sequences), len(divergences))
        copies = [
            self._mutate(self._sequences[int(row)], divergence)
            for row, divergence in zip(rows, divergences, strict=True)
        ]
        return np.round((self._embed(copies) @ self._vectors.T).max(1).astype(np.float64), 6)

    def _mutate(self, bases: str, divergence: float) -> str:
        letters = np.frombuffer(bases.encode(), np.uint8).copy()
        sites = self._rng.permutation(len(letters))[: round(divergence * len(letters))]
        acgt = np.frombuffer(b"ACGT", np.uint8)
        place = np.searchsorted(acgt, letters[sites]) % 4
        letters[sites] = acgt[(place + self._rng.integers(1, 4, len(sites))) % 4]
        return letters.tobytes().decode()
