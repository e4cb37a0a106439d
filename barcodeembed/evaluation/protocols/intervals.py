"""95 % confidence intervals over queries."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

_Z = 1.959963984540054

#: Number of random halves.
_DRAWS = 100


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson 1927), which is valid for small n too.

    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if not n:
        return math.nan, math.nan
    fraction, squared = correct / n, _Z**2
    centre = (fraction + squared / (2 * n)) / (1 + squared / n)
    half = _Z * math.sqrt(fraction * (1 - fraction) / n + squared / (4 * n * n)) / (1 + squared / n)
    # Rounding must not put the fraction outside of its interval, at 0 or 1.
    return max(0.0, min(fraction, centre - half)), min(1.0, max(fraction, centre + half))


def half_sample_interval(
    value: float, statistic: Callable[[np.ndarray], float], n: int, *, seed: int = 0
) -> tuple[float, float]:
    """Return ``value`` - and + 1.96 standard errors, from ``statistic`` on random halves of n rows.

    This is the delete-half jackknife (Shao and Wu, Ann. Stat. 1989): the standard deviation over
    halves that are drawn without replacement is the standard error of the whole. A bootstrap is not
    used because it draws some queries twice. A query is always in one cluster with itself, so a
    bootstrap would raise every measure of a clustering.
    """
    if n < 4:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    halves = (np.sort(rng.permutation(n)[: n // 2]) for _ in range(_DRAWS))
    error = float(np.std([statistic(rows) for rows in halves], ddof=1))
    return value - _Z * error, value + _Z * error
