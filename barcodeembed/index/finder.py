"""Make what finds the neighbours in an index, for its calibration and for queries alike."""

from __future__ import annotations

from collections.abc import Sequence

from barcodeembed.scoring.candidates import Finder, Weights
from barcodeembed.scoring.identity import identities
from barcodeembed.sequences.shared_kmers import SharedKmers


def make_finder(
    sequences: Sequence[str] | None,
    kmers: SharedKmers,
    count: int,
    whole: Weights,
    fragments: Weights,
    median_length: float,
) -> Finder:
    """Return a finder of ``count`` neighbours among references with these sequences and k-mers.

    ``sequences`` is None for prototypes, which cannot be aligned.
    """
    if sequences is None:
        return Finder(count, whole, fragments, median_length, kmers=kmers)
    return Finder(
        count,
        whole,
        fragments,
        median_length,
        lambda queries, rows: identities(queries, sequences, rows),
        kmers,
    )
