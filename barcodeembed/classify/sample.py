"""A sample of the reference's own barcodes, as queries from which it learns how near is near.

A query must not find itself. What it would find is hidden (an index of barcodes), or is put back
at what it would be without the query (a prototype, which is a mean over several barcodes).
Shapes: S sampled barcodes, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.classify.vote import Members
from barcodeembed.taxonomy.taxa import Taxa

SAMPLE = 2_000

#: A similarity below all that occur: that of what is hidden.
HIDDEN = -2.0

_MOST_PER_SPECIES = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """Barcodes of one lineage each, and what is left of the reference without each of them.

    ``vectors`` float32 (S, D), of unit length; ``lineages`` int (S,). ``own`` int (S,) is the
    reference vector in which a barcode has a part, and ``left`` float64 (S,) its similarity to
    what that vector is without it: HIDDEN where nothing is left.
    """

    vectors: np.ndarray
    lineages: np.ndarray
    own: np.ndarray
    left: np.ndarray

    def __len__(self) -> int:
        return len(self.own)

    @classmethod
    def of_barcodes(cls, vectors: np.ndarray, members: Members, rows: np.ndarray) -> Sample:
        """Take the ``rows`` of a reference that holds a vector for every barcode."""
        lineages = members.lineages[members.starts[rows]]
        return cls(vectors[rows], lineages, rows, np.full(len(rows), HIDDEN))


def draw_sample(members: Members, taxa: Taxa, *, size: int = SAMPLE, seed: int = 0) -> np.ndarray:
    """Draw barcodes of one lineage only, few of any one lineage; sorted, int64 (S,)."""
    single = np.flatnonzero(np.diff(members.starts) == 1)
    drawn = np.random.default_rng(seed).permutation(single)
    taken = np.zeros(len(taxa.lineages), np.int64)
    chosen = []
    for row in drawn:
        lineage = members.lineages[members.starts[row]]
        if taken[lineage] < _MOST_PER_SPECIES:
            taken[lineage] += 1
            chosen.append(row)
            if len(chosen) == size:
                break
    return np.array(sorted(chosen), np.int64)
