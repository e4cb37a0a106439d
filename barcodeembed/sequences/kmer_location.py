"""Find the barcode in a long read of a marker without positions, by the k-mers of references.

In a barcode, many k-mers are known: a reference has them. Elsewhere few are, by chance. Each k-mer
counts as the logarithm of how much more often it is known, or unknown, in a barcode than elsewhere,
and the stretch with the highest sum, on either strand, is the barcode (the maximal scoring segment
of Karlin and Altschul, PNAS 1990). How many are known by chance depends on their G and C, as those
of a marker are not random, and is seen on the other strand, which has no barcode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.orientation import strand
from barcodeembed.sequences.shared_kmers import K, KnownKmers, SharedKmers
from barcodeembed.sequences.stretches import Stretch, Window

#: Fraction of the k-mers of a barcode that are known. In those of new genera it is .3 to .9.
_KNOWN = 0.6

#: Limits of the fraction that is known by chance.
_MIN_CHANCE, _MAX_CHANCE = 0.02, 0.5

#: Sum from which a stretch is a barcode. The best of 15,000 bases of other genes mostly has 10 to
#: 20; whole barcodes have 60 to 500, and those of new genera 30 or more in three of four.
_MIN_SCORE = 30.0


class Segment(NamedTuple):
    """A stretch of a sequence and its score."""

    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KmerLocator:
    """Finds barcodes in reads that are at least twice as long as a barcode, or too long.

    ``kmers`` are those of the references, ``log_odds`` those of `learn_orientation`. ``length`` is
    the usual length of a barcode, and ``max_bases`` that of the longest read that can be named
    without being cut.
    """

    kmers: SharedKmers
    log_odds: np.ndarray
    length: int
    max_bases: int

    def locate(self, reads: Sequence[str]) -> list[Stretch | None]:
        """Return the barcode of each clean read.

        A read in which nothing is found is returned whole, or None if it is too long for that.
        """
        return [self._locate(read) for read in reads]

    def _locate(self, read: str) -> Stretch | None:
        if len(read) >= 2 * self.length or len(read) > self.max_bases:
            best, sense = self._search(read)
            if best.score >= _MIN_SCORE:
                return Window.of(read, sense).part(best.start, best.end).stretch()
        if len(read) > self.max_bases:
            return None
        return Window.of(read, strand(read, self.log_odds)).stretch()

    def score(self, read: str) -> float:
        """Return the score of the best stretch; 1 is the lowest of a barcode."""
        return self._search(read)[0].score / _MIN_SCORE

    def _search(self, read: str) -> tuple[Segment, str]:
        """Return the stretch with the highest score, and the strand that it is on."""
        first = self.kmers.known_at(read)
        other = self.kmers.known_at(reverse_complement(read))
        return max(
            (find_known(first, other, self.max_bases), "+"),
            (find_known(other, first, self.max_bases), "-"),
        )


def find_known(kmers: KnownKmers, other_strand: KnownKmers, max_bases: int) -> Segment:
    """Return the stretch with the highest score, from the k-mers of both strands of a sequence.

    The score is 0 without k-mers. The end is that of the last k-mer. Of a stretch of more than
    ``max_bases``, the part of that length with the highest score is returned.
    """
    places, known, chance = kmers
    if not known.any():
        return Segment(0.0, 0, 0)
    more = max(other_strand.known.sum() / max(other_strand.chance.sum(), 1e-9), 1.0)
    chance = np.clip(more * chance, _MIN_CHANCE, _MAX_CHANCE)
    values = np.where(known, np.log(_KNOWN / chance), np.log((1 - _KNOWN) / (1 - chance)))
    after = values.cumsum()
    gains = after - np.minimum.accumulate(after - values)
    last = int(gains.argmax())
    first = int((after - values)[: last + 1].argmin())
    if places[last] + K - places[first] > max_bases:
        firsts = np.arange(first, last + 1)
        lasts = np.searchsorted(places, places[firsts] + max_bases - K, "right") - 1
        lasts = np.clip(lasts, firsts, last)
        sums = after[lasts] - (after - values)[firsts]
        best = int(sums.argmax())
        first, last = int(firsts[best]), int(lasts[best])
    score = float(after[last] - (after - values)[first])
    return Segment(score, int(places[first]), int(places[last]) + K)
