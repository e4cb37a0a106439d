"""Find the strand of a barcode from its 6-mers, with log-odds fitted to the references.

The two strands of a coding marker differ: 6-mers that are frequent on one strand are rare on the
other. The score of a sequence is the sum over its 6-mers of log(count of the 6-mer / count of its
reverse complement) among the references. The sign of the score gives the strand, for the price of a
table look-up. The two strands of a sequence have exactly opposite scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from barcodeembed.sequences.bases import encode_bases, overlapping_kmers
from barcodeembed.sequences.cleaning import reverse_complement

_K = 6
_KMERS = 4**_K
_POWERS = 4 ** np.arange(_K - 1, -1, -1)

#: Log-odds are stored as multiples of 1 / _UNIT, as integers, so that sums are exact in any order.
_UNIT = 1024

#: With at most this fraction of references of the other orientation, log-odds are learned once.
_FEW = 0.25
_MAX_ROUNDS = 8


def learn_orientation(references: Iterable[str]) -> np.ndarray:
    """Return the log-odds of every 6-mer, int32 (4096,).

    ``references`` are all in the orientation that is to be called ``+``.
    """
    counts = np.ones(_KMERS)
    for bases in references:
        counts += np.bincount(_unambiguous_kmers(bases), minlength=_KMERS)
    odds = np.log(counts) - np.log(counts[_reverse_complements()])
    return np.rint(odds * _UNIT).astype(np.int32)


def learn_strands(references: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the strand of each reference, ``+`` for most, and the log-odds of every 6-mer.

    If many references have the other orientation, the log-odds of all are close to zero. Then they
    are learned again from the references as they are oriented so far, until nothing changes.
    """
    log_odds = learn_orientation(references)
    strands = [strand(bases, log_odds) for bases in references]
    for _ in range(_MAX_ROUNDS):
        if strands.count("-") <= _FEW * len(references):
            break
        log_odds = learn_orientation(
            bases if sense == "+" else reverse_complement(bases)
            for bases, sense in zip(references, strands, strict=True)
        )
        before, strands = strands, [strand(bases, log_odds) for bases in references]
        if strands == before:
            break
    return strands, log_odds


def strand(bases: str, log_odds: np.ndarray) -> str:
    """Return ``+`` or ``-``; ``+`` if the score is zero."""
    score = int(log_odds[_unambiguous_kmers(bases)].sum())
    return "-" if score < 0 else "+"


def _unambiguous_kmers(bases: str) -> np.ndarray:
    """Return the numbers of all overlapping 6-mers without ambiguous bases, int64."""
    kmers = overlapping_kmers(encode_bases(bases), _K)
    return kmers[kmers < _KMERS]


def _reverse_complements() -> np.ndarray:
    """Return, for every 6-mer, the number of its reverse complement."""
    digits = np.arange(_KMERS)[:, None] // _POWERS % 4
    return (3 - digits[:, ::-1]) @ _POWERS
