"""The part of a barcode that an encoder reads: the starts and the positions of its tokens.

Shapes: B barcodes, L bases, T tokens, M k-mers per token (1, unless the model merges k-mers).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Window:
    """The tokens of a stretch of each barcode, in order. All arrays are int64.

    ``starts_BTM`` has the base at which each k-mer begins, or -1 if the barcode lacks that k-mer.
    ``positions_BT`` has the positions of the tokens, and ``counts_B`` their number. Columns after
    the last token are padding.
    """

    starts_BTM: np.ndarray
    positions_BT: np.ndarray
    counts_B: np.ndarray

    def stretch(self, count: int, rng: np.random.Generator) -> Window:
        """Return a random run of ``count`` tokens of each barcode, or of all if it has fewer."""
        counts_B = np.minimum(count, self.counts_B)
        skipped_B = rng.integers(0, self.counts_B - counts_B, endpoint=True)
        columns_BT = skipped_B[:, None] + np.arange(int(counts_B.max(initial=1)))
        columns_BT = np.minimum(columns_BT, self.starts_BTM.shape[1] - 1)
        return Window(
            np.take_along_axis(self.starts_BTM, columns_BT[..., None], 1),
            np.take_along_axis(self.positions_BT, columns_BT, 1),
            counts_B,
        )

    def frayed(self, rng: np.random.Generator) -> Window:
        """Return the window with k-mers missing at both ends, as in a read that begins anywhere.

        A read seldom begins where a token does. The first and the last token of each barcode lose
        some of their k-mers, but not all.
        """
        B, _, M = self.starts_BTM.shape
        if M == 1:
            return self
        missing_B2 = rng.integers(0, M, (B, 2))
        alone_B = self.counts_B == 1
        missing_B2[alone_B, 1] = np.minimum(missing_B2[alone_B, 1], M - 1 - missing_B2[alone_B, 0])
        starts_BTM = self.starts_BTM.copy()
        rows, last_B = np.arange(B), np.maximum(self.counts_B - 1, 0)
        starts_BTM[:, 0][np.arange(M) < missing_B2[:, :1]] = -1
        ends_BM = starts_BTM[rows, last_B]
        ends_BM[np.arange(M) >= M - missing_B2[:, 1:]] = -1
        starts_BTM[rows, last_B] = ends_BM
        return Window(starts_BTM, self.positions_BT, self.counts_B)


def whole_window(
    lengths_B: np.ndarray, positions_BL: np.ndarray | None, k: int, merge: int, max_tokens: int
) -> Window:
    """Return the window of everything that an encoder reads of barcodes of these lengths.

    Without ``positions_BL`` it begins at the first base. For an anchored model, ``positions_BL``
    has the position of each base in the marker. The model then reads the k-mers that begin at a
    multiple of k and contain no insertion or deletion. A token is read if it has at least one
    such k-mer.
    """
    bases = k * merge
    if positions_BL is None:
        counts_B = np.minimum(lengths_B // bases, max_tokens)
        return _consecutive(np.zeros_like(lengths_B), counts_B, k, merge, max_tokens)
    first_BL, last_BL = positions_BL[:, : 1 - k or None], positions_BL[:, k - 1 :]
    begins_BL = (
        (first_BL % k == 0)
        & (first_BL >= 0)
        & (first_BL < bases * max_tokens)
        & (last_BL - first_BL == k - 1)
        & (np.arange(first_BL.shape[1]) <= (lengths_B - k)[:, None])
    )
    rows, starts = np.nonzero(begins_BL)
    starts_BTM = np.full((len(lengths_B), max_tokens, merge), -1)
    starts_BTM.reshape(len(lengths_B), -1)[rows, first_BL[rows, starts] // k] = starts
    read_BT = (starts_BTM >= 0).any(2)
    counts_B = read_BT.sum(1)
    width = max(int(counts_B.max(initial=1)), 1)
    positions_BT = np.argsort(~read_BT, axis=1, kind="stable")[:, :width]
    starts_BTM = np.take_along_axis(starts_BTM, positions_BT[..., None], 1)
    return Window(starts_BTM, positions_BT, counts_B)


def random_window(
    lengths_B: np.ndarray,
    positions_BL: np.ndarray | None,
    k: int,
    merge: int,
    max_tokens: int,
    rng: np.random.Generator,
    fraction: float = 1.0,
    offsets: int | None = None,
) -> Window:
    """Return a random stretch of each barcode, with the same number of tokens for all.

    No barcode then needs padding. The stretch has ``fraction`` of the tokens of the shortest
    barcode. Without ``positions_BL`` it begins in any reading frame: at any base, or at one of the
    first ``offsets`` bases.
    """
    if positions_BL is None:
        bases = k * merge
        max_count = np.clip((lengths_B.min() - bases + 1) // bases, 1, max_tokens)
        count = max(1, round(fraction * int(max_count)))
        # Shifting the reading frame is BarcodeBERT's augmentation (arXiv 2311.02401).
        last_B = np.maximum(lengths_B - count * bases, 0)
        if offsets is not None:
            last_B = np.minimum(last_B, offsets - 1)
        first_B = rng.integers(0, last_B, endpoint=True)
        return _consecutive(first_B, np.minimum(count, lengths_B // bases), k, merge, max_tokens)
    whole = whole_window(lengths_B, positions_BL, k, merge, max_tokens)
    return whole.stretch(max(1, round(fraction * int(whole.counts_B.min()))), rng)


def _consecutive(
    first_B: np.ndarray, counts_B: np.ndarray, k: int, merge: int, max_tokens: int
) -> Window:
    """Return consecutive tokens, with positions counted from the first one."""
    count = max(int(counts_B.max(initial=1)), 1)
    starts_BTM = first_B[:, None, None] + np.arange(count * merge).reshape(count, merge) * k
    positions = np.minimum(np.arange(count), max_tokens - 1)
    positions_BT = np.broadcast_to(positions, (len(first_B), count))
    return Window(starts_BTM, positions_BT.copy(), counts_B)
