"""How far evidence can be trusted: learnt from the examples that a reference gives of itself.

Per rank two logistic models weigh the same features: the probability that the query's taxon is in
the reference, and the probability that the name that wins is right. Some references bear a wrong
name, so that even a certain match looks wrong now and then: the second model has that share as a
parameter (the label-noise likelihood of Natarajan et al., NIPS 2013, for one kind of error), and
tells the probability for a query whose reference is rightly named. What can only speak for a name
has no weight below zero. The evidence of a short query weighs more or less than that of a full
barcode, by a factor that is learnt too.

A probability holds for a mixture of queries: here half have their species in the reference, of the
others most are of a new species of a known genus, two fifths as many of a new genus, and so on up.
Shapes: Q queries, E examples, R ranks, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from barcodeembed.calibration.examples import Examples
from barcodeembed.scoring.features import FEATURES
from barcodeembed.scoring.logistic import Logistic, fit_logistic

#: Where fewer of one kind are found, mutated copies take their place.
MIN_EXAMPLES = 20

#: Bounds on the share of wrong names for which a report keeps the least confidence that is enough.
ERROR_SHARES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)

#: Shares of right names for which a report tells the coverage.
PRECISIONS = (0.9, 0.95, 0.99)

_MARGIN, _SHARE, _AGREEMENT = map(list(FEATURES).index, ("margin", "share", "agreement"))

#: How many queries are new at a rank for each that is new at the rank below alone.
_RARER = 0.4

_FOLDS = 2
_BINS = 10


@dataclass(frozen=True, slots=True)
class RankModel:
    """The models of one rank, what they were learnt from, and how well they hold (`report`)."""

    in_reference: Logistic
    correct: Logistic
    in_reference_from: str
    new_from: str
    report: dict


@dataclass(frozen=True, slots=True)
class Calibration:
    """A model per rank of the reference, highest rank first, and its barcodes' usual length."""

    models: dict[str, RankModel]
    median_length: float

    def in_reference(self, features: np.ndarray) -> np.ndarray:
        """Return P(the query's taxon is in the reference), (Q, R), of evidence (Q, R, F).

        What is known at a rank is known at those above it, so no probability is below that of a
        lower rank. Where the models of several ranks contradict this they are averaged
        (`_agreed`): one of them alone may be at fault with what is like nothing it has learnt from.
        """
        return _agreed(
            self._probabilities("in_reference", features), features[:, :, _AGREEMENT] > 0
        )

    def correct(self, features: np.ndarray, winners: np.ndarray) -> np.ndarray:
        """Return P(the name that wins is the right one), (Q, R); 0 where none has won.

        A name is no less right than those below it, which lie within its taxon. Where another taxon
        has the same evidence for it, each is right half of the time at most.
        """
        probabilities = np.where(winners >= 0, self._probabilities("correct", features), 0.0)
        tied = (features[:, :, _MARGIN] == 0) & (features[:, :, _SHARE] <= 0)
        return _rising(np.where(tied, np.minimum(probabilities, 0.5), probabilities))

    def _probabilities(self, model: str, features: np.ndarray) -> np.ndarray:
        columns = [
            getattr(rank, model).probability(features[:, r])
            for r, rank in enumerate(self.models.values())
        ]
        return np.stack(columns, 1)

    def confidence_threshold(self, max_error: float) -> np.ndarray:
        """Return, by rank (R,), how confident a name must be for no greater share to be wrong.

        Infinity where the examples vouch for no name. Of the bounds that are tabulated (`trust`)
        the next lower one counts. Never is a name given that is likelier wrong than right, however
        many sure ones stand beside it.
        """
        share = max((s for s in ERROR_SHARES if s <= max_error), default=ERROR_SHARES[0])
        least = [m.report["confidence_threshold"][str(share)] for m in self.models.values()]
        return np.maximum([np.inf if value is None else value for value in least], 0.5)

    def to_json(self) -> dict:
        return {
            "features": list(FEATURES),
            "median_length": self.median_length,
            "ranks": {rank: asdict(model) for rank, model in self.models.items()},
        }

    @classmethod
    def from_json(cls, values: dict, ranks: Sequence[str]) -> Calibration:
        if values["features"] != list(FEATURES):
            raise ValueError(f"calibrated on other features: {', '.join(values['features'])}")

        def logistic(kept: dict[str, Any]) -> Logistic:
            fields: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in kept.items()
            }
            return Logistic(**fields)

        models = {
            rank: RankModel(**kept | {m: logistic(kept[m]) for m in ("in_reference", "correct")})
            for rank, kept in ((rank, values["ranks"][rank]) for rank in ranks)
        }
        return cls(models, values["median_length"])


def calibrate(
    examples: Examples,
    ranks: Sequence[str],
    median_length: float,
    stand_in: Callable[[int, bool], Examples],
) -> Calibration:
    """Fit the models of a reference to its examples.

    ``stand_in`` gives examples of a rank's number that are known, or new, where there are too few.
    """
    models = {}
    for r, rank in enumerate(ranks):
        parts, sources = [_of_rank(examples, r)], []
        for in_reference in (True, False):
            enough = (parts[0].in_reference == in_reference).sum() >= MIN_EXAMPLES
            if not enough:
                parts[0] = parts[0].only(parts[0].in_reference != in_reference)
                parts.append(_of_rank(stand_in(r, in_reference), r))
            sources.append("hidden references" if enough else "mutated copies")
        models[rank] = _fit_rank(_RankExamples.join(parts), *sources)
    return Calibration(models, median_length)


@dataclass(frozen=True, slots=True)
class _RankExamples:
    """The examples of one rank: ``features`` (E, F), what is true of them, and their weights."""

    features: np.ndarray
    in_reference: np.ndarray
    correct: np.ndarray
    hidden: np.ndarray
    barcodes: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[_RankExamples]) -> _RankExamples:
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in cls.__slots__))

    def only(self, chosen: np.ndarray) -> _RankExamples:
        return _RankExamples(*(getattr(self, name)[chosen] for name in self.__slots__))

    def weights(self) -> np.ndarray:
        """Return the weights of the examples, float64 (E,).

        Half of the weight have those of which nothing is hidden, and each rank that is hidden
        `_RARER` times as much as the one below.
        """
        ranks, number, counts = np.unique(self.hidden, return_inverse=True, return_counts=True)
        # -1, nothing hidden, comes first; of the others the lowest rank is last.
        order = (ranks >= 0).sum() - np.cumsum(ranks >= 0)
        shares = np.where(ranks < 0, 0.5, 0.5 * (1 - _RARER) * _RARER**order)
        return (shares / counts)[number]


def _of_rank(examples: Examples, r: int) -> _RankExamples:
    named = examples.named[:, r]
    return _RankExamples(
        examples.features[named, r],
        examples.in_reference[named, r],
        examples.correct[named, r],
        examples.hidden[named],
        examples.barcodes[named],
    )


def _fit_rank(examples: _RankExamples, in_reference_from: str, new_from: str) -> RankModel:
    weights = examples.weights()
    fold = examples.barcodes % _FOLDS
    foreseen = np.zeros(len(fold))
    for n in range(_FOLDS):
        others = fold != n
        model = fit_logistic(
            examples.features[others], examples.correct[others], weights[others], noisy=True
        )
        foreseen[~others] = model.probability(examples.features[~others])
    return RankModel(
        fit_logistic(examples.features, examples.in_reference, weights),
        fit_logistic(examples.features, examples.correct, weights, noisy=True),
        in_reference_from,
        new_from,
        {
            "examples": len(fold),
            "in_reference": int(examples.in_reference.sum()),
            **trust(foreseen, examples.correct, weights),
        },
    )


def trust(confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> dict:
    """Report on confidences (E,) that were foreseen for examples not learnt from.

    ``curve`` are rows of (mean confidence, share right, share of the examples) in bins of equal
    width, ``calibration_error`` their mean gap; ``coverage`` the share of the examples that is
    named at the greatest coverage with so great a share right.

    ``confidence_threshold`` has for each of ERROR_SHARES the confidence from which on names may be
    given: where the wrong examples above it, and one more, weigh no more than that share of all
    that are above it. That is the procedure of Benjamini and Hochberg on conformal p-values (Jin
    and Candes, JMLR 24:244, 2023, Algorithm 1), with the examples in the place of the run's own
    queries, so that no name depends on what else is in a file. None for what no confidence attains.

    The references' own names count as true, the wrong among them too.
    """
    weights = weights / weights.sum()
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    size, told, was = (
        np.bincount(bins, values, _BINS)
        for values in (weights, weights * confidence, weights * correct)
    )
    order = np.argsort(-confidence, kind="stable")
    # A threshold lets all in that are as confident: only the last of equals is one.
    last = np.flatnonzero(np.diff(confidence[order], append=-1.0))
    covered = np.cumsum(weights[order])[last]
    wrong = np.cumsum((weights * ~correct)[order])[last]

    def most(enough: np.ndarray, values: np.ndarray) -> float | None:
        """The value at the greatest coverage that is good enough."""
        places = np.flatnonzero(enough)
        return round(float(values[places[-1]]), 4) if len(places) else None

    least = confidence[order][last]
    filled = np.flatnonzero(size)
    return {
        "calibration_error": round(float(np.abs(told - was).sum()), 4),
        "curve": [
            [round(float(v), 4) for v in (told[b] / size[b], was[b] / size[b], size[b])]
            for b in filled
        ],
        "coverage": {str(p): most(wrong <= (1 - p) * covered, covered) for p in PRECISIONS},
        "confidence_threshold": {
            str(share): most(wrong + weights.max() <= share * covered, least)
            for share in ERROR_SHARES
        },
    }


def _agreed(values_QR: np.ndarray, said_QR: np.ndarray) -> np.ndarray:
    """Return the nearest values, by least squares, that do not rise from rank to rank downwards.

    Isotonic regression by the min-max formula (Ayer et al., Ann. Math. Stat. 1955). A value counts
    where it was said, bool (Q, R): a rank that no neighbour has a name at is as those about it.
    """
    Q, R = values_QR.shape
    sums, counts = (
        np.concatenate([np.zeros((Q, 1)), np.cumsum(v, axis=1)], axis=1)
        for v in (np.where(said_QR, values_QR, 0.0), said_QR)
    )
    means = np.full((Q, R, R), -np.inf)  # from one rank to another
    for a in range(R):
        n = counts[:, a + 1 :] - counts[:, [a]]
        np.divide(sums[:, a + 1 :] - sums[:, [a]], n, out=means[:, a, a:], where=n > 0)
    agreed = np.empty((Q, R))
    for r in range(R):
        greatest = means[:, : r + 1, r:].max(2)
        agreed[:, r] = np.where(greatest > -np.inf, greatest, np.inf).min(1)
    return np.where(agreed < np.inf, agreed, 0.0)


def _rising(values_QR: np.ndarray) -> np.ndarray:
    """Raise probabilities to those of lower ranks."""
    return np.maximum.accumulate(values_QR[:, ::-1], axis=1)[:, ::-1]
