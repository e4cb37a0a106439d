"""What unread bases cost: how much less similar a read is to everything because of its N.

An N makes its k-mer unknown to the model, and the vector moves away from those of all references
alike. The ranking of the references hardly changes, but a read of a known species looks like one of
a new species. The loss is estimated from the read itself: from the similarity of its vector to that
of a copy in which the N are filled in with the bases that fit the marker best.

Shapes: Q reads, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from barcodeembed.sequences.anchor import Anchor
from barcodeembed.sequences.filling import fill_scattered

#: The similarity is at least this, so that no loss is taken for more than half of it.
_LEAST = 0.5


class Made(NamedTuple):
    """Vectors of reads, (Q, D), and the fraction of its similarity that each keeps, (Q,)."""

    vectors: np.ndarray
    kept: np.ndarray


def embed_reads(
    reads: Sequence[str], anchor: Anchor | None, embed: Callable[[list[str]], np.ndarray]
) -> Made:
    """Return the vectors of reads, and what they keep of their similarity despite their N.

    ``embed`` makes unit vectors, or rows of NaN. The fraction is 1 for a read without ambiguous
    letters, or whose only N are in runs of 5 or more: a gap is no loss of similarity but of length.
    Without an ``anchor`` it is 1 for all reads.
    """
    filled = {} if anchor is None else _fill(reads, anchor)
    # In one call, because each fills up its last batches.
    vectors_QD, copies_FD = np.split(embed([*reads, *filled.values()]), [len(reads)])
    kept_Q = np.ones(len(reads), np.float32)
    rows = list(filled)
    similarities = (np.nan_to_num(vectors_QD[rows]) * copies_FD).sum(1)
    kept_Q[rows] = np.clip(np.nan_to_num(similarities, nan=1.0), _LEAST, 1.0)
    return Made(vectors_QD, kept_Q)


def _fill(reads: Sequence[str], anchor: Anchor) -> dict[int, str]:
    """Return copies with other bases of the reads that have scattered N, by their numbers."""
    damaged = [i for i, bases in enumerate(reads) if set(bases) - set("ACGT")]
    filled = fill_scattered([reads[i] for i in damaged], anchor)
    return {i: bases for i, bases in zip(damaged, filled, strict=True) if bases != reads[i]}
