"""Which stretch of a barcode an encoder reads: where tokens begin, and their positions.

Tokens are of a number of bases: k, or several k where a model merges k-mers. Shapes: B barcodes,
L bases, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Window:
    """The tokens of a stretch of each barcode, in order; all int64.

    ``starts_BT`` are the bases at which they begin, ``positions_BT`` their positions and
    ``counts_B`` how many there are; what comes after the last is padding.
    """

    starts_BT: np.ndarray
    positions_BT: np.ndarray
    counts_B: np.ndarray

    def stretch(self, count: int, rng: np.random.Generator) -> Window:
        """Return a random run of so many tokens of each, or all of one that has no more."""
        counts_B = np.minimum(count, self.counts_B)
        skipped_B = rng.integers(0, self.counts_B - counts_B, endpoint=True)
        columns_BT = skipped_B[:, None] + np.arange(int(counts_B.max(initial=1)))
        columns_BT = np.minimum(columns_BT, self.starts_BT.shape[1] - 1)
        return Window(
            np.take_along_axis(self.starts_BT, columns_BT, 1),
            np.take_along_axis(self.positions_BT, columns_BT, 1), counts_B,
        )  # fmt: skip


def whole_window(
    lengths_B: np.ndarray, places_BL: np.ndarray | None, bases: int, max_tokens: int
) -> Window:
    """Return all that an encoder reads of barcodes of these lengths.

    Without places it is from the first base on. In an anchored model, ``places_BL`` says where in
    the marker each base lies; tokens, of so many bases, are then those that begin at multiples of
    that, and what lies outside the marker, or holds an insertion or deletion, is not read.
    """
    if places_BL is None:
        return _consecutive(
            np.zeros_like(lengths_B), np.minimum(lengths_B // bases, max_tokens), bases, max_tokens
        )
    first_BL, last_BL = places_BL[:, : 1 - bases or None], places_BL[:, bases - 1 :]
    begins_BL = (
        (first_BL % bases == 0) & (first_BL >= 0) & (first_BL < bases * max_tokens)
        & (last_BL - first_BL == bases - 1)
        & (np.arange(first_BL.shape[1]) <= (lengths_B - bases)[:, None])
    )  # fmt: skip
    counts_B = begins_BL.sum(1)
    width = max(int(counts_B.max(initial=1)), 1)
    starts_BT = np.argsort(~begins_BL, axis=1, kind="stable")[:, :width]
    found_BT = np.take_along_axis(first_BL, starts_BT, 1) // bases
    return Window(starts_BT, np.clip(found_BT, 0, max_tokens - 1), counts_B)


def random_window(
    lengths_B: np.ndarray, places_BL: np.ndarray | None, bases: int, max_tokens: int,
    rng: np.random.Generator, share: float = 1.0,
) -> Window:  # fmt: skip
    """Return a random stretch of each barcode, all of one number of tokens: no padding.

    It is ``share`` of what the shortest fills; without places, at any reading frame.
    """
    if places_BL is None:
        most = np.clip((lengths_B.min() - bases + 1) // bases, 1, max_tokens)
        count = max(1, round(share * int(most)))
        # Shifting the reading frame is BarcodeBERT's augmentation (arXiv 2311.02401).
        first_B = rng.integers(0, np.maximum(lengths_B - count * bases, 0), endpoint=True)
        return _consecutive(first_B, np.minimum(count, lengths_B // bases), bases, max_tokens)
    whole = whole_window(lengths_B, places_BL, bases, max_tokens)
    return whole.stretch(max(1, round(share * int(whole.counts_B.min()))), rng)


def _consecutive(
    first_B: np.ndarray, counts_B: np.ndarray, bases: int, max_tokens: int
) -> Window:
    """Return tokens one after the other, their positions counted from the first."""
    places = np.arange(max(int(counts_B.max(initial=1)), 1))
    positions_BT = np.broadcast_to(np.minimum(places, max_tokens - 1), (len(first_B), len(places)))
    return Window(first_B[:, None] + places * bases, positions_BT.copy(), counts_B)
