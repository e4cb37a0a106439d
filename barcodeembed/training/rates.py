"""Learning rate schedules, as fractions of the maximum."""

from __future__ import annotations

import math

_ONE_CYCLE_RISE = 0.3


def rate_at(
    schedule: str, step: int, steps: int, *, warmup: float, decay: float, decay_to: float
) -> float:
    """Return the fraction of the maximum rate at ``step``, counted from 0, of ``steps``.

    ``schedule`` is one of `vocabulary.RATE_SCHEDULES`. ``cosine`` and ``wsd`` (arXiv 2404.06395)
    rise linearly over the fraction ``warmup`` of the steps. Then ``cosine`` decays along a cosine,
    and ``wsd`` is constant until it decays linearly over the last fraction ``decay``. ``onecycle``
    (arXiv 1708.07120, as torch's OneCycleLR) rises over the first 30 % and decays over the rest,
    both along a cosine. All end at ``decay_to``.
    """
    rise = max(1, round((_ONE_CYCLE_RISE if schedule == "onecycle" else warmup) * steps))
    if step < rise:
        done = (step + 1) / rise
        return _cosine(done, 1.0, 1 / 25) if schedule == "onecycle" else done
    if schedule == "wsd":
        fall = max(1, round(decay * steps))
        left = (steps - step) / fall
        return min(1.0, decay_to + (1 - decay_to) * left)
    done = (step - rise) / max(1, steps - rise)
    return _cosine(1 - done, 1.0, decay_to)


def _cosine(fraction: float, high: float, low: float) -> float:
    """Go from low (fraction 0) to high (fraction 1) along half a cosine."""
    return low + (high - low) * 0.5 * (1 - math.cos(math.pi * fraction))
