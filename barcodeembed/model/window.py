"""Which stretch of a barcode an encoder reads: where tokens begin, and their positions.

Tokens are of a number of bases: k, or several k where a model merges k-mers. Shapes: B barcodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of whole tokens of each barcode, all int64 (B,).

    ``first_B`` is the base at which its first token begins, ``position_B`` that token's position,
    ``counts_B`` its number of tokens.
    """

    first_B: np.ndarray
    position_B: np.ndarray
    counts_B: np.ndarray

    def positions(self, width: int, max_tokens: int) -> np.ndarray:
        """Return the positions of tokens padded to a width, int64 (B, width)."""
        # Padding past the last position that there is has no position of its own.
        return np.minimum(self.position_B[:, None] + np.arange(width), max_tokens - 1)


def whole_window(
    lengths_B: np.ndarray, places_B: np.ndarray | None, bases: int, max_tokens: int
) -> Window:
    """Return all that an encoder reads of barcodes of these lengths.

    Without places it is from the first base on. In an anchored model, ``places_B`` says where in
    the marker the first base lies; tokens, of so many bases, then begin at multiples of that, and
    what lies outside the marker is not read.
    """
    if places_B is None:
        zeros_B = np.zeros_like(lengths_B)
        return Window(zeros_B, zeros_B, np.minimum(lengths_B // bases, max_tokens))
    before_B = np.maximum(-places_B, 0)
    first_B = before_B + -(places_B + before_B) % bases
    position_B = (places_B + first_B) // bases
    counts_B = np.minimum((lengths_B - first_B) // bases, max_tokens - position_B)
    return Window(first_B, position_B, np.maximum(counts_B, 0))


def random_window(
    lengths_B: np.ndarray, places_B: np.ndarray | None, bases: int, max_tokens: int,
    rng: np.random.Generator, share: float = 1.0,
) -> Window:  # fmt: skip
    """Return a random stretch of each barcode, all of one number of tokens: no padding.

    It is ``share`` of what the shortest fills; without places, at any reading frame.
    """
    if places_B is None:
        most = np.clip((lengths_B.min() - bases + 1) // bases, 1, max_tokens)
        count = max(1, round(share * int(most)))
        # Shifting the reading frame is BarcodeBERT's augmentation (arXiv 2311.02401).
        first_B = rng.integers(0, np.maximum(lengths_B - count * bases, 0), endpoint=True)
        return Window(first_B, np.zeros_like(first_B), np.minimum(count, lengths_B // bases))
    whole = whole_window(lengths_B, places_B, bases, max_tokens)
    counts_B = np.minimum(max(1, round(share * int(whole.counts_B.min()))), whole.counts_B)
    skipped_B = rng.integers(0, whole.counts_B - counts_B, endpoint=True)
    return Window(whole.first_B + skipped_B * bases, whole.position_B + skipped_B, counts_B)
