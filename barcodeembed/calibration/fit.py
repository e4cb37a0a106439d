"""Fit the calibration of an index to examples that are made from its own references.

Each rank has two logistic models of the same features. One returns the probability that the taxon
of the query is in the reference, the other the probability that the winning name is correct. Some
references have an incorrect name, so that even a perfect match can look like an error. The fraction
of these is a parameter of the second model (label-noise likelihood, Natarajan et al., NIPS 2013,
with one kind of error), which returns the probability for a reference with a correct name. A
feature that can only support a name gets no negative weight. Whole barcodes and fragments have
models of their own, in which length and errors scale the features by a fitted factor. From many
examples, those of fragments also learn products of two features: how much a similarity counts
depends on the margin to the next taxon.

Probabilities refer to a mixture of queries. In the mixture used here, half of the queries are of
species in the reference. Of the others, most are of a new species of a known genus, and each higher
rank has two fifths as many as the rank below it.

Shapes: Q queries, E examples, R ranks, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from barcodeembed.calibration.examples import Examples
from barcodeembed.scoring.features import FEATURES
from barcodeembed.scoring.logistic import ByLength, Logistic, fit_by_length
from barcodeembed.vocabulary import LEAST_ERROR

#: Minimum number of examples of one kind. If there are fewer, mutated copies are used instead.
MIN_EXAMPLES = 20

#: Fractions of incorrect names for which the report contains the confidence threshold.
ERROR_FRACTIONS = (LEAST_ERROR, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)

#: Fractions of correct names for which the report contains the coverage.
PRECISIONS = (0.9, 0.95, 0.99)

_MARGIN, _SHARE, _AGREEMENT = map(list(FEATURES).index, ("margin", "share", "agreement"))

#: Number of queries that are new at a rank, per query that is new only at the rank below.
_RARER = 0.4

_FOLDS = 2
_BINS = 10


@dataclass(frozen=True, slots=True)
class RankModel:
    """The models of one rank, where their examples come from, and their `reliability`."""

    in_reference: ByLength
    correct: ByLength
    in_reference_from: str
    new_from: str
    report: dict


@dataclass(frozen=True, slots=True)
class Calibration:
    """The models of each rank, highest rank first.

    ``median_length`` is that of the references. ``complete_length`` is the length of a complete
    barcode, which fragments are compared with: it is lower if complete barcodes vary in length.
    """

    models: dict[str, RankModel]
    median_length: float
    complete_length: float

    def in_reference(self, features: np.ndarray) -> np.ndarray:
        """Return P(the taxon of the query is in the reference), (Q, R), for features (Q, R, F).

        A query whose genus is in the reference also has its family in the reference, so no
        probability is lower than that of a lower rank. If the models of several ranks contradict
        this, they are averaged (`_agreed`): a single model can be wrong for an unusual query.
        """
        return _agreed(
            self._probabilities("in_reference", features), features[:, :, _AGREEMENT] > 0
        )

    def correct(self, features: np.ndarray, winners: np.ndarray) -> np.ndarray:
        """Return P(the winning name is correct), (Q, R); 0 if no name has won.

        No probability is lower than that of a lower rank, whose taxon is within this one. If
        another taxon has the same features, the probability is at most one half.
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
        """Return the confidence threshold of each rank, (R,), for a fraction of incorrect names.

        The fraction is rounded down to one of `ERROR_FRACTIONS` (see `reliability`). The threshold
        is infinity if no confidence is high enough, and at least 0.5, so that no name is accepted
        that is more likely to be incorrect than correct. Raises ValueError for a fraction below
        the lowest of `ERROR_FRACTIONS`.
        """
        if max_error < LEAST_ERROR:
            raise ValueError(f"max_error is {max_error:g}; it must be at least {LEAST_ERROR}")
        fraction = max(f for f in ERROR_FRACTIONS if f <= max_error)
        thresholds = [m.report["confidence_threshold"][str(fraction)] for m in self.models.values()]
        return np.maximum([np.inf if value is None else value for value in thresholds], 0.5)

    def to_json(self) -> dict:
        varies = self.complete_length != self.median_length
        return {
            "features": list(FEATURES),
            "median_length": self.median_length,
            **({"complete_length": self.complete_length} if varies else {}),
            "ranks": {
                rank: asdict(model, dict_factory=_without_empty)
                for rank, model in self.models.items()
            },
        }

    @classmethod
    def from_json(cls, values: dict, ranks: Sequence[str]) -> Calibration:
        if values["features"] != list(FEATURES):
            raise ValueError(f"calibrated with other features: {', '.join(values['features'])}")

        def logistic(kept: dict[str, Any]) -> Logistic:
            fields: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in kept.items()
            }
            return Logistic(**fields)

        def by_length(kept: dict[str, Any]) -> ByLength:
            return ByLength(logistic(kept["whole"]), logistic(kept["fragments"]))

        models = {
            rank: RankModel(**kept | {m: by_length(kept[m]) for m in ("in_reference", "correct")})
            for rank, kept in ((rank, values["ranks"][rank]) for rank in ranks)
        }
        median = values["median_length"]
        return cls(models, median, values.get("complete_length", median))


def calibrate(
    examples: Examples,
    ranks: Sequence[str],
    stand_in: Callable[[int, bool], Examples],
) -> dict[str, RankModel]:
    """Fit the models of a reference to its examples, highest rank first.

    ``stand_in(rank, in_reference)`` returns examples of one kind for the number of a rank. It is
    called if there are too few.
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
    return models


@dataclass(frozen=True, slots=True)
class _RankExamples:
    """The examples of one rank, with the attributes of `Examples` and ``features`` (E, F)."""

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


def mixture_weights(hidden: np.ndarray) -> np.ndarray:
    """Return the weights of examples with these hidden ranks (-1 for none), float64 (E,).

    Examples with nothing hidden have half of the total weight. Those of a hidden rank have
    `_RARER` times the weight of those of the rank below.
    """
    ranks, number, counts = np.unique(hidden, return_inverse=True, return_counts=True)
    # -1 (nothing hidden) is first; the lowest rank is last.
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
    weights = mixture_weights(examples.hidden)
    fold = examples.barcodes % _FOLDS
    predicted = np.zeros(len(fold))
    for n in range(_FOLDS):
        others = fold != n
        if not others.any():
            others[:] = True  # one barcode alone: nothing else to learn from
        model = fit_by_length(
            examples.features[others], examples.correct[others], weights[others], noisy=True
        )
        predicted[fold == n] = model.probability(examples.features[fold == n])
    return RankModel(
        fit_by_length(examples.features, examples.in_reference, weights),
        fit_by_length(examples.features, examples.correct, weights, noisy=True),
        in_reference_from,
        new_from,
        {
            "examples": len(fold),
            "in_reference": int(examples.in_reference.sum()),
            **reliability(predicted, examples.correct, weights),
        },
    )


def reliability(confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> dict:
    """Report the reliability of out-of-fold confidences, (E,).

    The report contains:

    - ``curve``: rows of (mean confidence, fraction correct, fraction of the examples) in bins of
      equal width.
    - ``calibration_error``: the mean difference of the first two.
    - ``coverage``: for each of PRECISIONS, the largest fraction of the examples that can be named
      with this fraction of correct names.
    - ``confidence_threshold``: for each of ERROR_FRACTIONS, the lowest confidence at which the
      weight of the incorrect examples at or above it, plus the weight of one more, is at most this
      fraction of the weight of all examples at or above it. This is the procedure of Benjamini and
      Hochberg on conformal p-values (Jin and Candes, JMLR 24:244, 2023, Algorithm 1), with the
      examples in place of the queries of a run, so that no name depends on the other queries.

    A value is None if no confidence is high enough. The names of the references count as true, even
    those that are incorrect.
    """
    weights = weights / weights.sum()
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    size, expected, observed = (
        np.bincount(bins, values, _BINS)
        for values in (weights, weights * confidence, weights * correct)
    )
    order = np.argsort(-confidence, kind="stable")
    # A threshold accepts all examples of equal confidence: only the last of these can be one.
    last = np.flatnonzero(np.diff(confidence[order], append=-1.0))
    covered = np.cumsum(weights[order])[last]
    wrong = np.cumsum((weights * ~correct)[order])[last]

    def at_max_coverage(accepted: np.ndarray, values: np.ndarray) -> float | None:
        """Return the value at the largest coverage that is accepted."""
        indices = np.flatnonzero(accepted)
        return round(float(values[indices[-1]]), 4) if len(indices) else None

    thresholds = confidence[order][last]
    filled = np.flatnonzero(size)
    return {
        "calibration_error": round(float(np.abs(expected - observed).sum()), 4),
        "curve": [
            [round(float(v), 4) for v in (expected[b] / size[b], observed[b] / size[b], size[b])]
            for b in filled
        ],
        "coverage": {
            str(p): at_max_coverage(wrong <= (1 - p) * covered, covered) for p in PRECISIONS
        },
        "confidence_threshold": {
            str(f): at_max_coverage(wrong + weights.max() <= f * covered, thresholds)
            for f in ERROR_FRACTIONS
        },
    }


def _without_empty(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary without the products that a model does not have."""
    return {name: value for name, value in pairs if value != ()}


def _agreed(values_QR: np.ndarray, known_QR: np.ndarray) -> np.ndarray:
    """Return the closest values, by least squares, that do not increase from rank to lower rank.

    Isotonic regression by the min-max formula (Ayer et al., Ann. Math. Stat. 1955). Only values
    that are ``known_QR`` count; a rank at which no neighbour has a name gets the value of the ranks
    next to it.
    """
    Q, R = values_QR.shape
    sums, counts = (
        np.concatenate([np.zeros((Q, 1)), np.cumsum(v, axis=1)], axis=1)
        for v in (np.where(known_QR, values_QR, 0.0), known_QR)
    )
    means = np.full((Q, R, R), -np.inf)  # of the ranks from a to b
    for a in range(R):
        n = counts[:, a + 1 :] - counts[:, [a]]
        np.divide(sums[:, a + 1 :] - sums[:, [a]], n, out=means[:, a, a:], where=n > 0)
    agreed = np.empty((Q, R))
    for r in range(R):
        greatest = means[:, : r + 1, r:].max(2)
        agreed[:, r] = np.where(greatest > -np.inf, greatest, np.inf).min(1)
    return np.where(agreed < np.inf, agreed, 0.0)


def _rising(values_QR: np.ndarray) -> np.ndarray:
    """Raise each probability to the highest one of the lower ranks."""
    return np.maximum.accumulate(values_QR[:, ::-1], axis=1)[:, ::-1]
