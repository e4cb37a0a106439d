"""Make what finds the neighbours in an index, for its calibration and for queries alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from barcodeembed.scoring.candidates import Finder, Weights
from barcodeembed.scoring.identity import Identities, identities
from barcodeembed.sequences.shared_kmers import SharedKmers
from barcodeembed.vectors.search import Search, nearest


def make_finder(
    sequences: Sequence[str] | None,
    kmers: SharedKmers,
    count: int,
    candidates: int,
    whole: Weights,
    fragments: Weights,
    complete_length: float,
    *,
    kmers_for_all: bool,
    search: Search = nearest,
) -> Finder:
    """Return a finder of ``count`` neighbours among references with these sequences and k-mers.

    They are the best of so many ``candidates`` by vectors, and as many by k-mers.
    ``sequences`` is None for prototypes, which cannot be aligned. ``search`` finds the closest
    references by vectors.
    """

    def align(queries: Sequence[str], rows: np.ndarray) -> Identities:
        assert sequences is not None
        return identities(queries, sequences, rows)

    return Finder(
        count,
        candidates,
        whole,
        fragments,
        complete_length,
        None if sequences is None else align,
        kmers,
        kmers_for_all,
        search,
    )
