"""What unread bases cost: how much less similar a read is to everything because of its N.

An N makes its k-mer unknown to the model, and the vector moves away from those of all references
alike. The ranking of the references hardly changes, but a read of a known species looks like one of
a new species. The loss is estimated from the read itself: from the similarity of its vector to that
of a copy in which the N are filled in with the bases that fit the marker best.

Shapes: Q reads, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from barcodeembed.sequences.anchor import Anchor
from barcodeembed.sequences.filling import fill_scattered

#: The similarity is at least this, so that no loss is taken for more than half of it.
_LEAST = 0.5


def similarity_kept(
    reads: Sequence[str],
    vectors_QD: np.ndarray,
    anchor: Anchor | None,
    embed: Callable[[list[str]], np.ndarray],
) -> np.ndarray:
    """Return the fraction of its similarity that each read keeps despite its N, float32 (Q,).

    ``vectors_QD`` are the unit vectors of the reads, and ``embed`` makes such vectors. The fraction
    is 1 for a read without ambiguous letters, or whose only N are in runs of 5 or more: a gap is
    no loss of similarity but of length. Without an ``anchor`` it is 1 for all reads.
    """
    kept_Q = np.ones(len(reads), np.float32)
    if anchor is None:
        return kept_Q
    damaged = [i for i, bases in enumerate(reads) if set(bases) - set("ACGT")]
    filled = fill_scattered([reads[i] for i in damaged], anchor)
    pairs = [(i, bases) for i, bases in zip(damaged, filled, strict=True) if bases != reads[i]]
    if pairs:
        rows = [i for i, _ in pairs]
        similarities = (vectors_QD[rows] * embed([bases for _, bases in pairs])).sum(1)
        kept_Q[rows] = np.clip(np.nan_to_num(similarities, nan=1.0), _LEAST, 1.0)
    return kept_Q
