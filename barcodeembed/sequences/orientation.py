"""Which strand a barcode was read from, learnt from the references themselves.

A coding marker is not the same text on its two strands: 6-mers that are common on one are rare
on the other. The sum over a sequence of log(count of the 6-mer / count of its reverse
complement) among the references tells the strand at the cost of a table look-up, and the two
strands of one sequence have exactly opposite sums.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from barcodeembed.sequences.bases import AMBIGUOUS, encode_bases

_K = 6
_POWERS = 4 ** np.arange(_K - 1, -1, -1)

#: Log-odds are kept as whole numbers of this unit, so that sums are exact in any order.
_UNIT = 1024


def _numbers(codes: np.ndarray) -> np.ndarray:
    """Return the numbers of all unambiguous overlapping 6-mers."""
    count = max(len(codes) - _K + 1, 0)
    numbers = np.zeros(count, np.int32)
    for i in range(_K):
        numbers = numbers * 4 + codes[i : i + count]
    ambiguous = np.flatnonzero(codes == AMBIGUOUS)
    if len(ambiguous):
        spoilt = np.zeros(len(codes), bool)
        for i in range(_K):
            spoilt[np.maximum(ambiguous - i, 0)] = True
        numbers = numbers[~spoilt[:count]]
    return numbers


def _reverse_complements() -> np.ndarray:
    """Return, for every 6-mer, the number of its reverse complement."""
    digits = np.arange(4**_K)[:, None] // _POWERS % 4
    return (3 - digits[:, ::-1]) @ _POWERS


def learn_orientation(references: Iterable[str]) -> np.ndarray:
    """Return the log-odds of every 6-mer, int32 (4096,), from references in their usual sense."""
    counts = np.ones(4**_K)
    for bases in references:
        counts += np.bincount(_numbers(encode_bases(bases)), minlength=4**_K)
    odds = np.log(counts) - np.log(counts[_reverse_complements()])
    return np.rint(odds * _UNIT).astype(np.int32)


def strand(bases: str, log_odds: np.ndarray) -> str:
    """Return ``+`` or ``-``; ``+`` where nothing speaks for either."""
    score = int(log_odds[_numbers(encode_bases(bases))].sum())
    return "-" if score < 0 else "+"
