"""The error rate of reads: given, by their qualities, or estimated from the reads of a run.

A read of a known species with many errors looks like a clean read of another species. Confidence
therefore depends on how many errors to expect. Two signs of errors hardly occur in a real coding
marker: insertions and deletions that break the reading frame, and stop codons, which substitutions
make. Both are found by the positions of a read in the marker, without a reference, so that an
unknown species does not look like an error.

Frame-breaking changes are the more frequent sign. So the rate is that of an ordinary mixture of
errors with so many of them, unless the stop codons contradict it: then each sign gives the rate of
its own kind of error. Some sequencers make substitutions almost only, others insertions and
deletions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from barcodeembed.classify.queries import Query
from barcodeembed.sequences.anchor import MIN_SUPPORT_IN_BULK, Anchor, encode_rows
from barcodeembed.sequences.frames import stop_codons

#: Number of reads, the first of a run, from which the error rate is estimated.
SAMPLE = 300

#: Frame-breaking changes of position for each base, without the ends of a read, in barcodes with
#: simulated errors, and the insertions and deletions for each base: ``python
#: benchmarks/read_errors.py``.
_BREAKS = (0.0002, 0.0012, 0.0023, 0.0060, 0.0091, 0.0222, 0.0308)
_INDELS = (0.0, 0.001, 0.002, 0.006, 0.01, 0.03, 0.05)

#: In the ordinary mixture, one error in five is an insertion or deletion. Confidence is learned for
#: this mixture.
_MIXTURE = 5

#: An insertion or deletion lowers the similarity of the vectors of whole barcodes as much as this
#: number of substitutions. Fragments are compared by k-mers, too, and there both do the same harm.
_HARM_OF_INDELS = 1.8

#: The highest rate that confidence is learned for.
_HIGHEST = 0.05

#: Stop codons for each codon and substitution, and for each codon and insertion or deletion: before
#: it is found, the frame is wrong. From the same benchmark.
_STOPS_OF_SUBSTITUTIONS = 0.07
_STOPS_OF_INDELS = 0.23

#: The mixture is contradicted by so many standard deviations of the number of reads with a stop.
_CLEARLY = 3.0

#: Within so many bases of the ends of a read, in all, no change of position is found.
_ENDS = 40

#: A run of few reads is taken to be clean unless it is clearly not: a clean barcode is added.
_PRIOR_BASES = 600

GIVEN, QUALITIES, ESTIMATED, ASSUMED = "given", "qualities", "estimated", "assumed"


@dataclass(frozen=True, slots=True)
class ReadErrors:
    """The error rate of a run, and where it comes from.

    ``rate`` is the expected fraction of wrong bases, of reads whose record has no qualities, or of
    all reads if it was ``given``. ``source`` is GIVEN, QUALITIES, ESTIMATED or ASSUMED. ``harm`` is
    how much an error of a whole barcode counts, compared with an ordinary mixture of errors.
    ``excess`` is how many times as many errors were found as ``rate``, which is at most what
    confidence is learned for.
    """

    rate: float = 0.0
    source: str = ASSUMED
    harm: float = 1.0
    excess: float = 1.0

    def of(self, queries: Sequence[Query], fragment_Q: np.ndarray) -> np.ndarray:
        """Return for each query the rate of an ordinary mixture that does as much harm, (Q,).

        ``fragment_Q`` bool (Q,) says which queries are fragments.
        """
        if self.source == GIVEN:
            return np.full(len(queries), self.rate)
        usual_Q = np.where(fragment_Q, self.rate, min(self.rate * self.harm, _HIGHEST))
        return _by_qualities(queries, usual_Q)

    def novelty(self, queries: Sequence[Query]) -> np.ndarray:
        """Return how much the novelty of each query is worth, from 1 to 0, (Q,).

        With twice as many errors as confidence is learned for, nothing shows whether a read
        disagrees with the references or is misread.
        """
        usual_Q = np.full(len(queries), self.rate * self.excess)
        rate_Q = usual_Q if self.source == GIVEN else _by_qualities(queries, usual_Q)
        return np.clip(2 - rate_Q / _HIGHEST, 0.0, 1.0)

    def learn(self, queries: Sequence[Query], anchor: Anchor | None) -> ReadErrors:
        """Return the error rate of a run that begins with these queries."""
        if self.source == GIVEN:
            return self
        own = [q.record.error_rate for q in queries if q.record.error_rate is not None]
        if own and len(own) == len(queries):
            return ReadErrors(float(np.mean(own)), QUALITIES)
        if anchor is None or not queries:
            return self
        found = estimate_rates(find_signs([query.bases for query in queries], anchor))
        return ReadErrors(found.total, ESTIMATED, found.harm, found.excess)


def _by_qualities(queries: Sequence[Query], usual_Q: np.ndarray) -> np.ndarray:
    """Return the error rate of each query by its own qualities, or the usual one, (Q,)."""
    own = [query.record.error_rate for query in queries]
    return np.array([u if o is None else o for u, o in zip(usual_Q, own, strict=True)], float)


class Signs(NamedTuple):
    """Signs of errors in reads.

    ``breaks`` are the changes of position that break the reading frame, in ``bases``; ``stopped``
    is the number of ``reads`` with a stop codon among ``codons``.
    """

    breaks: int
    bases: int
    stopped: int = 0
    reads: int = 0
    codons: int = 0


class Rates(NamedTuple):
    """Errors for each base, by kind."""

    substitutions: float
    indels: float

    @property
    def total(self) -> float:
        """The error rate, at most the highest that confidence is learned for."""
        return min(self.substitutions + self.indels, _HIGHEST)

    @property
    def excess(self) -> float:
        """How many times as many errors there are."""
        return max((self.substitutions + self.indels) / _HIGHEST, 1.0)

    @property
    def harm(self) -> float:
        """How much an error of a whole barcode counts, compared with an ordinary mixture."""
        total = self.substitutions + self.indels
        if not total:
            return 1.0
        of_mixture = 1 + (_HARM_OF_INDELS - 1) / _MIXTURE
        harm = (self.substitutions + _HARM_OF_INDELS * self.indels) / total / of_mixture
        return round(harm, 6)


def find_signs(reads: Sequence[str], anchor: Anchor) -> Signs:
    """Count the signs of errors in the reads that have a position in the marker."""
    rows, lengths = encode_rows(reads)
    kept = anchor.support(rows, lengths) >= MIN_SUPPORT_IN_BULK
    rows, lengths = rows[kept], lengths[kept]
    found = anchor.align(rows, lengths)
    breaks = int((np.abs(found.shifts_N) % 3 != 0).sum())
    return Signs(
        breaks,
        int(np.maximum(lengths - _ENDS, 0).sum()),
        *_stopped(rows, found.expand(rows.shape[1])),
    )


def _stopped(rows_BL: np.ndarray, positions_BL: np.ndarray) -> tuple[int, int, int]:
    """Return the number of reads with a stop codon in the marker's frame, of reads, and of codons.

    The frame is the one in which the fewest of all these reads have a stop codon. A read with many
    counts once: it can be a pseudogene.
    """
    is_stop_BK, is_codon_BK = stop_codons(rows_BL)
    width = is_stop_BK.shape[1]
    begin_BK = positions_BL[:, :width]
    is_codon_BK &= positions_BL[:, 2:] - begin_BK == 2
    frames = [is_codon_BK & (begin_BK % 3 == frame) for frame in range(3)]
    stopped = [int((is_stop_BK & frame_BK).any(1).sum()) for frame_BK in frames]
    best = int(np.argmin(stopped))
    return stopped[best], len(rows_BL), int(frames[best].sum())


def estimate_rates(signs: Signs) -> Rates:
    """Return the error rates that explain the signs.

    >>> [round(estimate_rates(Signs(breaks, 100_000)).total, 4) for breaks in (0, 20, 230, 600)]
    [0.0, 0.0, 0.0099, 0.0298]
    >>> substituted = Signs(5, 100_000, stopped=45, reads=300, codons=65_000)
    >>> round(estimate_rates(substituted).total, 3)
    0.011
    """
    density = (signs.breaks + _BREAKS[0] * _PRIOR_BASES) / (signs.bases + _PRIOR_BASES)
    indels = float(np.interp(density, _BREAKS, _INDELS))
    substitutions = (_MIXTURE - 1) * indels
    if signs.codons:
        # Stop codons of a read are Poisson distributed. One more read without avoids infinity.
        codons, of_indels = signs.codons / signs.reads, _STOPS_OF_INDELS * indels
        expected = of_indels + _STOPS_OF_SUBSTITUTIONS * substitutions
        stopped = signs.reads * -np.expm1(-codons * expected)
        if abs(signs.stopped - stopped) > _CLEARLY * np.sqrt(stopped + 1):
            found = -np.log1p(-signs.stopped / (signs.reads + 1)) / codons
            substitutions = max(found - of_indels, 0.0) / _STOPS_OF_SUBSTITUTIONS
    return Rates(float(substitutions), indels)
