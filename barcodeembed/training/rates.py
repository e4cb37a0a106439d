"""Schedules of the learning rate, as shares of its peak."""

from __future__ import annotations

import math

#: Cosine decay; warm-up-stable-decay (arXiv 2404.06395); one-cycle (Smith, arXiv 1708.07120).
SCHEDULES = ("cosine", "wsd", "onecycle")

_ONE_CYCLE_RISE = 0.3


def rate_at(
    schedule: str, step: int, steps: int, *, warmup: float, decay: float, decay_to: float
) -> float:
    """Return the share of the peak rate at a step, counted from 0, of so many.

    ``cosine`` and ``wsd`` rise linearly over the ``warmup`` share of the steps. The first then
    falls along a cosine; the second stays, and falls linearly over the last ``decay`` share, so
    that one long run may be ended at several lengths. ``onecycle`` rises over the first 30 % and
    falls over the rest, both along a cosine (torch's OneCycleLR). All end at ``decay_to``.
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


def _cosine(share: float, high: float, low: float) -> float:
    """Go from low (share 0) to high (share 1) along half a cosine."""
    return low + (high - low) * 0.5 * (1 - math.cos(math.pi * share))
