"""Metrics, computed on arrays."""

from __future__ import annotations

import numpy as np


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Return the area under the ROC curve of two sets of scores.

    This is the probability that a positive has a higher score than a negative; a tie counts one
    half (Mann and Whitney's U). It is NaN if one of the sets is empty.

    >>> auroc(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
    0.875
    """
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    not_above = np.searchsorted(ordered, positive, "right")
    return float((below + not_above).mean() / 2 / len(negative))


def calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = 15, weights: np.ndarray | None = None
) -> float:
    """Return the expected calibration error (Guo et al., arXiv 1706.04599, eq. 3).

    Confidences are sorted into bins of equal width. The error is the difference between mean
    confidence and accuracy in a bin, averaged over the bins by the number of answers in each, or
    by the sum of their ``weights``. It is NaN without answers.

    >>> calibration_error(np.array([1.0, 1.0]), np.array([True, False]))
    0.5
    """
    if not len(confidence):
        return float("nan")
    weights = np.ones(len(confidence)) if weights is None else weights
    of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(of, weights * (confidence - correct), bins)
    return float(np.abs(gaps).sum() / weights.sum())
