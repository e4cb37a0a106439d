"""Scores of the protocols: accuracies and agreements of clusterings, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from barcodeembed.evaluation.protocols.intervals import half_sample_interval, wilson


@dataclass(frozen=True, slots=True)
class Score:
    """One figure: ``value`` with its 95 % interval from ``low`` to ``high``.

    ``measure`` is ``accuracy`` or ``ami`` (adjusted mutual information), ``rank`` the predicted
    rank or ``bin``, ``queries`` the number of queries. ``details`` has counts and choices of the
    method.
    """

    protocol: str
    method: str
    split: str
    rank: str
    measure: str
    value: float
    low: float
    high: float
    queries: int
    details: Mapping[str, float | int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            name: None if value != value else round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def accuracy_score(
    protocol: str,
    method: str,
    split: str,
    rank: str,
    found: np.ndarray,
    truth: np.ndarray,
    details: Mapping[str, float | int],
) -> Score:
    """Score predictions against true labels, both int (N,); -1 is a label that train lacks."""
    correct, n = int((found == truth).sum()), len(truth)
    low, high = wilson(correct, n)
    details = {**details, "absent_from_train": int((truth < 0).sum())}
    return Score(protocol, method, split, rank, "accuracy", correct / n, low, high, n, details)


def agreement_score(
    method: str,
    split: str,
    found: np.ndarray,
    truth: np.ndarray,
    seed: int,
    details: Mapping[str, float | int],
) -> Score:
    """Score clusters against BINs, numbered from 0, both int (N,)."""
    from barcodeembed.evaluation.protocols.clusters import adjusted_mutual_information

    value = adjusted_mutual_information(truth, found)
    low, high = half_sample_interval(
        value,
        lambda rows: adjusted_mutual_information(truth[rows], found[rows]),
        len(truth),
        seed=seed,
    )
    details = {"bins": int(truth.max()) + 1, "clusters": len(np.unique(found)), **details}
    return Score(
        "bins", method, split, "bin", "ami", value, low, min(high, 1.0), len(truth), details
    )
