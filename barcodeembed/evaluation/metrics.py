"""Measures of right and wrong, on arrays."""

from __future__ import annotations

import numpy as np


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Return the chance that a positive scores above a negative, ties counted half.

    The area under the ROC curve by Mann and Whitney's U; NaN where either kind is missing.

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
    confidence: np.ndarray, right: np.ndarray, bins: int = 15, weights: np.ndarray | None = None
) -> float:
    """Return the expected calibration error (Guo et al., arXiv 1706.04599, eq. 3).

    The gap between mean confidence and accuracy in bins of equal width, weighted by their size.
    The answers count alike, or by ``weights``.

    >>> calibration_error(np.array([1.0, 1.0]), np.array([True, False]))
    0.5
    """
    if not len(confidence):
        return float("nan")
    weights = np.ones(len(confidence)) if weights is None else weights
    of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(of, weights * (confidence - right), bins)
    return float(np.abs(gaps).sum() / weights.sum())
