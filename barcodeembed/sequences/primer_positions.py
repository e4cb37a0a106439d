"""Find where in a marker primers bind, from the positions that a model has learned.

A primer binds where the organisms of a marker are alike, so its 5-mers have clear votes for their
positions (`Anchor`). Degenerate bases are drawn at random a few times. Of the primers in
``primers.tsv``, those inside COI have a support of 13 to 24 with the model that ships, and those of
other markers up to 7.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from barcodeembed.sequences.anchor import Anchor
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.primers import IUPAC, PrimerPair

_MIN_SUPPORT = 10.0
_DRAWS = 16


def amplicon_positions(pair: PrimerPair, anchor: Anchor) -> tuple[int, int] | None:
    """Return the position of an amplicon's first base, and that after its last.

    A primer outside the marker leaves the marker's own end. Returns None if both primers are
    outside, or bind in the wrong order.
    """
    # The marker can have the orientation of either primer.
    best, region = 0.0, None
    for first, last in ((pair.forward, pair.reverse), (pair.reverse, pair.forward)):
        start, start_support = _locate(first, anchor)
        end, end_support = _locate(reverse_complement(last), anchor)
        if max(start_support, end_support) >= max(_MIN_SUPPORT, best):
            best = max(start_support, end_support)
            region = (
                start + len(first) if start_support >= _MIN_SUPPORT else 0,
                end if end_support >= _MIN_SUPPORT else anchor.length,
            )
    return region if region and region[0] < region[1] else None


def pairs_of_marker(pairs: Iterable[PrimerPair], anchor: Anchor) -> list[PrimerPair]:
    """Return the pairs of the markers of which a primer binds in this one; all if none does."""
    pairs = list(pairs)
    markers = {pair.marker for pair in pairs if amplicon_positions(pair, anchor)}
    return [pair for pair in pairs if pair.marker in markers] or pairs


def _locate(primer: str, anchor: Anchor) -> tuple[int, float]:
    """Return the most frequent position of a primer's first base, and the median support."""
    generator = np.random.default_rng(0)
    drawn = [
        generator.choice([base for base in "ACGT" if IUPAC[base] & IUPAC[letter]], _DRAWS)
        for letter in primer
    ]
    codes = np.stack([encode_bases("".join(bases)) for bases in np.stack(drawn, axis=1)])
    lengths = np.full(_DRAWS, len(primer))
    positions, counts = np.unique(anchor.locate(codes, lengths), return_counts=True)
    return int(positions[counts.argmax()]), float(np.median(anchor.support(codes, lengths)))
