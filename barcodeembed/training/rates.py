"""Learning rate schedules, as fractions of the maximum."""

from __future__ import annotations

import math

_ONE_CYCLE_RISE = 0.3

#: The momentum of torch's OneCycleLR where the rate is lowest, and where it is highest.
_MOMENTA = (0.95, 0.85)


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
    rise = _rise(_ONE_CYCLE_RISE if schedule == "onecycle" else warmup, steps)
    if step < rise:
        done = (step + 1) / rise
        return _cosine(done, 1.0, 1 / 25) if schedule == "onecycle" else done
    if schedule == "wsd":
        left = (steps - step) / (steps - decay_begins(steps, decay))
        return min(1.0, decay_to + (1 - decay_to) * left)
    done = (step - rise) / max(1, steps - rise)
    return _cosine(1 - done, 1.0, decay_to)


def decay_begins(steps: int, decay: float) -> int:
    """Return the step at which ``wsd`` begins to decay, over the last fraction ``decay``."""
    return steps - max(1, round(decay * steps))


def momentum_at(step: int, steps: int) -> float:
    """Return the first momentum of AdamW for ``onecycle``, which mirrors the rate.

    It falls from 0.95 to 0.85 while the rate rises, and then rises again (arXiv 1708.07120).
    """
    rise = _rise(_ONE_CYCLE_RISE, steps)
    if step < rise:
        return _cosine((step + 1) / rise, *_MOMENTA[::-1])
    return _cosine((step - rise) / max(1, steps - rise), *_MOMENTA)


def _rise(fraction: float, steps: int) -> int:
    """Return the number of steps in which the rate rises."""
    return max(1, round(fraction * steps))


def _cosine(fraction: float, high: float, low: float) -> float:
    """Go from low (fraction 0) to high (fraction 1) along half a cosine."""
    return low + (high - low) * 0.5 * (1 - math.cos(math.pi * fraction))
