"""Add up the weights of k-mers for the references that have them, and find the highest sums.

The time depends on the references that share k-mers with the query, and not on all of them. K-mers
are read from the heaviest to the lightest. A reference whose sum is above what all k-mers that were
not read weigh together has at least one that was read. So most of the lists of frequent k-mers,
which are the longest and the lightest, are not searched for the highest sums. If the lists are long
for the number of references, it is faster to look at all sums.

Shapes: N references, H k-mers, C references that were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np

#: First, sums above this fraction of the highest are searched for, then half as high, and so on.
_FIRST = 0.6

#: Below this fraction all sums are taken.
_LAST = 0.02

#: All sums are looked at if the lists have more references than this fraction of all.
_DENSE = 1 / 8

#: The sum of all weights that were not read is rounded up by this fraction.
_ROUNDING = 1e-9


def add_up(lists_H: Sequence[np.ndarray], weights_H: np.ndarray, sums_N: np.ndarray) -> None:
    """Add the weight of each k-mer to the sums of the references in its list, in order."""
    for rows, weight in zip(lists_H, weights_H.tolist(), strict=True):
        np.add.at(sums_N, rows, weight)


class Sums:
    """Finds the highest of N sums, in memory that is used again and again."""

    def __init__(self, references: int) -> None:
        self._sums_N = np.zeros(references)
        self._lock = Lock()

    def highest(
        self, lists_H: Sequence[np.ndarray], weights_H: np.ndarray, count: int, given: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return references, int64 (C,), their sums (C,), and the sums of the ``given`` references.

        Those with the ``count`` highest positive sums are among the C, and so are all that are as
        high as the lowest of these. The lists, of one reference or more each, are in the order of
        their weights, highest first.
        """
        dense = sum(map(len, lists_H)) > len(self._sums_N) * _DENSE
        with self._lock:
            try:
                add_up(lists_H, weights_H, self._sums_N)
                if dense:
                    rows = _above_of_all(self._sums_N, count)
                else:
                    rows = self._above(lists_H, weights_H, count)
                return rows, self._sums_N[rows], self._sums_N[given]
            finally:
                for read in [np.s_[:]] if dense else lists_H:
                    self._sums_N[read] = 0.0

    def _above(
        self, lists_H: Sequence[np.ndarray], weights_H: np.ndarray, count: int
    ) -> np.ndarray:
        """Return all references with sums above a fraction of the highest, at least ``count``."""
        # What the k-mers after the first h weigh together.
        after = np.append(weights_H[::-1].cumsum()[::-1], 0.0) * (1 + _ROUNDING)
        read: list[np.ndarray] = []
        rows = np.zeros(0, np.int64)
        fraction, highest = _FIRST, 0.0
        while lists_H and len(rows) < count:
            while len(read) < len(lists_H) and after[len(read)] > fraction * highest:
                read.append(self._sums_N[lists_H[len(read)]])
                highest = max(highest, read[-1].max())
            floor = fraction * highest
            above = [of[sums > floor] for of, sums in zip(lists_H, read, strict=False)]
            rows = np.unique(np.concatenate(above)).astype(np.int64)
            if not fraction:
                break
            fraction = _next(fraction)
        return rows


def _above_of_all(sums_N: np.ndarray, count: int) -> np.ndarray:
    """Return all references with sums above a fraction of the highest, at least ``count``."""
    fraction, highest = _FIRST, sums_N.max()
    rows = np.flatnonzero(sums_N > fraction * highest)
    while fraction and len(rows) < count:
        fraction = _next(fraction)
        rows = np.flatnonzero(sums_N > fraction * highest)
    return rows


def _next(fraction: float) -> float:
    return fraction / 2 if fraction > _LAST else 0.0
