"""Encode bases as small integers, and number their overlapping k-mers."""

from __future__ import annotations

import numpy as np

#: Code of every base that is not A, C, G or T.
AMBIGUOUS = 4

_CODES = np.full(256, AMBIGUOUS, np.uint8)
for _code, _letters in enumerate((b"Aa", b"Cc", b"Gg", b"TtUu")):
    _CODES[list(_letters)] = _code


def encode_bases(bases: str) -> np.ndarray:
    """Return base codes, uint8: A 0, C 1, G 2, T 3, anything else 4.

    >>> encode_bases("ACGTN").tolist()
    [0, 1, 2, 3, 4]
    """
    return _CODES[np.frombuffer(bases.encode("latin-1", "replace"), np.uint8)]


def overlapping_kmers(codes: np.ndarray, k: int) -> np.ndarray:
    """Return the number of the k-mer that begins at each base, int64 (..., L - k + 1).

    ``codes`` are base codes (..., L). Every k-mer with an ambiguous base gets the number 4^k; a
    caller that does not want these drops that number.

    >>> overlapping_kmers(encode_bases("AACNTTT"), 2).tolist()
    [0, 1, 16, 16, 15, 15]
    """
    count = max(codes.shape[-1] - k + 1, 0)
    unread = codes == AMBIGUOUS
    # Most sequences have no ambiguous base; they skip the second mask.
    ambiguous = unread[..., :count].copy() if unread.any() else None
    numbers = codes[..., :count].astype(np.int64)
    for i in range(1, k):
        numbers *= 4
        numbers += codes[..., i : i + count]
        if ambiguous is not None:
            ambiguous |= unread[..., i : i + count]
    if ambiguous is not None:
        numbers[ambiguous] = 4**k
    return numbers
