"""A sample of the reference's own barcodes, as queries from which it learns how near is near.

A query must not find itself. What it would find is hidden (an index of barcodes), or is put back
at what it would be without the query (a prototype, which is a mean over several barcodes).
Shapes: S sampled barcodes, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.scoring.vote import Members

#: Barcodes that a sample has at most.
SAMPLE = 2_000

#: Of a small reference so great a part, but no fewer than so many, is enough.
_SHARE = 0.25
_MIN_COUNT = 100

#: A similarity below all that occur: that of what is hidden.
HIDDEN = -2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Barcodes of one lineage each, and what is left of the reference without each of them.

    ``vectors`` float32 (S, D), of unit length; ``lineages`` int (S,). ``own`` int (S,) is the
    reference vector in which a barcode has a part, and ``rest`` float32 (S, D) what that vector
    is without it: NaN where nothing is left.
    """

    vectors: np.ndarray
    lineages: np.ndarray
    own: np.ndarray
    rest: np.ndarray

    def __len__(self) -> int:
        return len(self.own)

    @property
    def left(self) -> np.ndarray:
        """The similarity of each barcode to what is left, float64 (S,); HIDDEN for nothing."""
        left = np.einsum("sd,sd->s", self.vectors, self.rest, dtype=np.float64)
        return np.nan_to_num(left, nan=HIDDEN)

    @classmethod
    def of_barcodes(cls, vectors: np.ndarray, members: Members, rows: np.ndarray) -> Sample:
        """Take the ``rows`` of a reference that holds a vector for every barcode."""
        lineages = members.lineages[members.starts[rows]]
        return cls(vectors[rows], lineages, rows, np.full_like(vectors[rows], np.nan))


def draw_sample(members: Members, *, size: int = SAMPLE, seed: int = 0) -> np.ndarray:
    """Draw barcodes of one lineage only, one of each before a second of any; sorted, int64 (S,).

    So a rare species counts as much as a common one, as it does to who looks for it. ``size`` is
    for a great reference; of a small one less is drawn.
    """
    single = np.flatnonzero(np.diff(members.starts) == 1)
    size = min(size, max(_MIN_COUNT, int(_SHARE * len(single))))
    drawn = np.random.default_rng(seed).permutation(single)
    lineages = members.lineages[members.starts[drawn]]
    by_lineage = np.argsort(lineages, kind="stable")
    first = np.searchsorted(lineages[by_lineage], lineages[by_lineage])
    turn = np.empty(len(drawn), np.int64)
    turn[by_lineage] = np.arange(len(drawn)) - first
    return np.sort(drawn[np.argsort(turn, kind="stable")[:size]]).astype(np.int64)
