"""Which stretch of a barcode an encoder reads: where tokens begin, and their positions.

A token is of M k-mers, one unless a model merges them. Shapes: B barcodes, L bases, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Window:
    """The tokens of a stretch of each barcode, in order; all int64.

    ``starts_BTM`` are the bases at which their k-mers begin, -1 where a barcode lacks one,
    ``positions_BT`` the tokens' positions and ``counts_B`` how many there are; what comes after
    the last is padding.
    """

    starts_BTM: np.ndarray
    positions_BT: np.ndarray
    counts_B: np.ndarray

    def stretch(self, count: int, rng: np.random.Generator) -> Window:
        """Return a random run of so many tokens of each, or all of one that has no more."""
        counts_B = np.minimum(count, self.counts_B)
        skipped_B = rng.integers(0, self.counts_B - counts_B, endpoint=True)
        columns_BT = skipped_B[:, None] + np.arange(int(counts_B.max(initial=1)))
        columns_BT = np.minimum(columns_BT, self.starts_BTM.shape[1] - 1)
        return Window(
            np.take_along_axis(self.starts_BTM, columns_BT[..., None], 1),
            np.take_along_axis(self.positions_BT, columns_BT, 1),
            counts_B,
        )


def whole_window(
    lengths_B: np.ndarray, positions_BL: np.ndarray | None, k: int, merge: int, max_tokens: int
) -> Window:
    """Return all that an encoder reads of barcodes of these lengths.

    Without places it is from the first base on. In an anchored model, ``positions_BL`` says where in
    the marker each base lies. Its k-mers are those that begin at multiples of k and hold no
    insertion or deletion, its tokens those of the marker of which a barcode has any k-mer.
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
    share: float = 1.0,
) -> Window:
    """Return a random stretch of each barcode, all of one number of tokens: no padding.

    It is ``share`` of what the shortest fills; without places, at any reading frame.
    """
    if positions_BL is None:
        bases = k * merge
        most = np.clip((lengths_B.min() - bases + 1) // bases, 1, max_tokens)
        count = max(1, round(share * int(most)))
        # Shifting the reading frame is BarcodeBERT's augmentation (arXiv 2311.02401).
        first_B = rng.integers(0, np.maximum(lengths_B - count * bases, 0), endpoint=True)
        return _consecutive(first_B, np.minimum(count, lengths_B // bases), k, merge, max_tokens)
    whole = whole_window(lengths_B, positions_BL, k, merge, max_tokens)
    return whole.stretch(max(1, round(share * int(whole.counts_B.min()))), rng)


def _consecutive(
    first_B: np.ndarray, counts_B: np.ndarray, k: int, merge: int, max_tokens: int
) -> Window:
    """Return tokens one after the other, their positions counted from the first."""
    count = max(int(counts_B.max(initial=1)), 1)
    starts_BTM = first_B[:, None, None] + np.arange(count * merge).reshape(count, merge) * k
    positions = np.minimum(np.arange(count), max_tokens - 1)
    positions_BT = np.broadcast_to(positions, (len(first_B), count))
    return Window(starts_BTM, positions_BT.copy(), counts_B)
