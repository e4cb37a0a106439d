"""Pack the k-mers of prototypes into few bytes.

The pairs (hash, prototype) are numbered ``hash * prototypes + prototype``, in ascending order.
Differences of such numbers are small, so that most of their high bytes are zero and compress to
nothing.
"""

from __future__ import annotations

import numpy as np

from barcodeembed.sequences.shared_kmers import Postings, SharedKmers


def pack_kmers(kmers: SharedKmers) -> tuple[np.ndarray, np.ndarray]:
    """Return hashes and pairs as bytes to be compressed, uint8 (4, n) each."""
    hashes, starts, rows = kmers.postings
    hash_of_P = np.repeat(np.arange(len(hashes)), np.diff(starts))
    return _differences(hashes), _differences(hash_of_P * kmers.references + rows)


def unpack_kmers(hashes: np.ndarray, pairs: np.ndarray, references: int) -> Postings:
    """Return the k-mers of so many prototypes from what `pack_kmers` returned."""
    hashes = _sums(hashes)
    hash_of_P, rows = np.divmod(_sums(pairs), references)
    starts = np.searchsorted(hash_of_P, np.arange(len(hashes) + 1))
    return Postings(hashes.astype(np.uint32), starts, rows.astype(np.uint32))


def _differences(numbers: np.ndarray) -> np.ndarray:
    """Return the differences of ascending numbers as planes of bytes, lowest first."""
    steps = np.diff(numbers.astype(np.int64), prepend=0).astype("<u4")
    return np.ascontiguousarray(steps.view(np.uint8).reshape(-1, 4).T)


def _sums(planes: np.ndarray) -> np.ndarray:
    """Return the numbers, int64 (n,), from what `_differences` returned."""
    return np.ascontiguousarray(planes.T).view("<u4").reshape(-1).cumsum(dtype=np.int64)
