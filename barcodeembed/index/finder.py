"""Make what finds the neighbours in an index, for its calibration and for queries alike."""

from __future__ import annotations

from collections.abc import Sequence

from barcodeembed.scoring.candidates import Finder, Weights
from barcodeembed.scoring.identity import identities
from barcodeembed.sequences.shared_kmers import SharedKmers


def make_finder(
    sequences: Sequence[str] | None,
    count: int,
    whole: Weights,
    fragments: Weights,
    median_length: float,
) -> Finder:
    """Return a finder of ``count`` neighbours among references with these sequences.

    ``sequences`` is None for prototypes, which are found by their vectors alone. The sequences are
    read when the first fragment is searched.
    """
    if sequences is None:
        return Finder(count, whole, fragments, median_length)
    return Finder(
        count,
        whole,
        fragments,
        median_length,
        lambda queries, rows: identities(queries, sequences, rows),
        SharedKmers(sequences),
    )
