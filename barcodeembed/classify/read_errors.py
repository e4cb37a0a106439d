"""The error rate of reads: given, by their qualities, or estimated from the reads of a run.

A read of a known species with many errors looks like a clean read of another species. Confidence
therefore depends on how many errors to expect. Insertions and deletions that break the reading
frame hardly occur in a real coding marker, but they make up a steady fraction of sequencing errors.
They are found by the positions of a read in the marker, without a reference, so that an unknown
species does not look like an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from barcodeembed.classify.queries import Query
from barcodeembed.sequences.anchor import MIN_SUPPORT_IN_BULK, Anchor, encode_rows

#: Number of reads, the first of a run, from which the error rate is estimated.
SAMPLE = 300

#: Frame-breaking changes of position for each base, without the ends of a read, in barcodes with
#: simulated errors, of which one in five is an insertion or deletion, and the error rates:
#: ``python benchmarks/read_errors.py``.
_BREAKS = (0.0002, 0.0012, 0.0023, 0.0060, 0.0091)
_RATES = (0.0, 0.005, 0.01, 0.03, 0.05)

#: Within so many bases of the ends of a read, in all, no change of position is found.
_ENDS = 40

#: A run of few reads is taken to be clean unless it is clearly not: so many clean bases are added.
_PRIOR_BASES = 3_000

GIVEN, QUALITIES, ESTIMATED, ASSUMED = "given", "qualities", "estimated", "assumed"


@dataclass(frozen=True, slots=True)
class ReadErrors:
    """The error rate of a run, and where it comes from.

    ``rate`` is the expected fraction of wrong bases, of reads whose record has no qualities, or of
    all reads if it was ``given``. ``source`` is GIVEN, QUALITIES, ESTIMATED or ASSUMED.
    """

    rate: float = 0.0
    source: str = ASSUMED

    def of(self, queries: Sequence[Query]) -> np.ndarray:
        """Return the error rate of each query, float64 (Q,)."""
        if self.source == GIVEN:
            return np.full(len(queries), self.rate)
        own = [query.record.error_rate for query in queries]
        return np.array([self.rate if rate is None else rate for rate in own], float)

    def learn(self, queries: Sequence[Query], anchor: Anchor | None) -> ReadErrors:
        """Return the error rate of a run that begins with these queries."""
        if self.source == GIVEN:
            return self
        own = [q.record.error_rate for q in queries if q.record.error_rate is not None]
        if own and len(own) == len(queries):
            return ReadErrors(float(np.mean(own)), QUALITIES)
        if anchor is None or not queries:
            return self
        found = density_of_breaks([query.bases for query in queries], anchor)
        return replace(self, rate=estimate_rate(*found), source=ESTIMATED)


def density_of_breaks(reads: Sequence[str], anchor: Anchor) -> tuple[int, int]:
    """Count the changes of position that break the reading frame, and the bases looked at."""
    rows, lengths = encode_rows(reads)
    kept = anchor.support(rows, lengths) >= MIN_SUPPORT_IN_BULK
    found = anchor.align(rows[kept], lengths[kept])
    breaks = int((np.abs(found.shifts_N) % 3 != 0).sum())
    return breaks, int(np.maximum(lengths[kept] - _ENDS, 0).sum())


def estimate_rate(breaks: int, bases: int) -> float:
    """Return the error rate that explains the number of frame-breaking changes of position.

    >>> [round(estimate_rate(breaks, 100_000), 4) for breaks in (0, 20, 230, 600)]
    [0.0, 0.0, 0.0097, 0.0291]
    """
    density = (breaks + _BREAKS[0] * _PRIOR_BASES) / (bases + _PRIOR_BASES)
    return float(np.interp(density, _BREAKS, _RATES))
