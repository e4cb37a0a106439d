"""Intervals of 95% confidence over queries."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

_Z = 1.959963984540054

#: Half-samples that a spread is measured over.
_DRAWS = 100


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927); it is sound at 0 and 1 and for few.

    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if not n:
        return math.nan, math.nan
    share, squared = right / n, _Z**2
    centre = (share + squared / (2 * n)) / (1 + squared / n)
    half = _Z * math.sqrt(share * (1 - share) / n + squared / (4 * n * n)) / (1 + squared / n)
    # Rounding must not leave the share outside, at 0 or 1.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def half_sample_interval(
    value: float, statistic: Callable[[np.ndarray], float], n: int, *, seed: int = 0
) -> tuple[float, float]:
    """Return value +- 1.96 standard errors, from ``statistic`` of random halves of the n rows.

    The delete-half jackknife (Shao and Wu, Ann. Stat. 1989): the spread over halves drawn without
    replacement is the standard error of the whole. A bootstrap would draw queries twice, and a
    query always shares a cluster with itself: it shifts every measure of clusterings upwards.
    """
    if n < 4:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    halves = (np.sort(rng.permutation(n)[: n // 2]) for _ in range(_DRAWS))
    error = float(np.std([statistic(rows) for rows in halves], ddof=1))
    return value - _Z * error, value + _Z * error
