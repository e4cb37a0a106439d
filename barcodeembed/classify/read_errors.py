"""The error rate of reads: given, by their qualities, or estimated from the reads of a run.

A read of a known species with many errors looks like a clean read of another species. Confidence
therefore depends on how many errors to expect. Two signs of errors hardly occur in a real coding
marker: insertions and deletions that break the reading frame, and stop codons, which substitutions
make. Both are found by the positions of a read in the marker, without a reference, so that an
unknown species does not look like an error.

Frame-breaking changes are the more frequent sign, and they give the rate of insertions and
deletions. The rate of substitutions is the most probable one: few reads are taken to have an
ordinary mixture of errors, and the more stop codons are counted, the less that matters. Some
sequencers make substitutions almost only, others insertions and deletions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from barcodeembed.classify.queries import Query
from barcodeembed.sequences.anchor import MIN_SUPPORT_IN_BULK, Anchor, encode_rows
from barcodeembed.sequences.frames import stop_codons, stop_risks

#: Number of reads, the first of a run, from which the error rate is estimated.
SAMPLE = 1_000

#: Frame-breaking changes of position for each base, without the ends of a read, in barcodes with
#: simulated errors, and the insertions and deletions for each base: ``python
#: benchmarks/read_errors.py``.
_BREAKS = (0.0002, 0.0012, 0.0021, 0.0041, 0.0059, 0.0095, 0.0167, 0.0222, 0.0306, 0.0377)
_INDELS = (0.0, 0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.03, 0.05, 0.08)

#: In the ordinary mixture, one error in five is an insertion or deletion. Confidence is learned for
#: this mixture.
_MIXTURE = 5

#: Before stop codons are counted, the natural logarithm of the rate of substitutions is normally
#: distributed around that of the ordinary mixture, with this standard deviation. A lower one is
#: better for the ordinary mixture, a higher one for few reads with substitutions alone.
_SPREAD = 1.0

#: Logarithms of the rates that are tried, compared with the ordinary mixture.
_LOGARITHMS = np.linspace(-6.0, 6.0, 2_401)

#: The ordinary mixture has at least so many insertions and deletions.
_LEAST_INDELS = 0.0001

#: Substitutions at a lower rate are not told from pseudogenes.
_CLEAN = 0.0005

#: An insertion or deletion lowers the similarity of the vectors of whole barcodes as much as this
#: number of substitutions. Fragments are compared by k-mers, too, and there both do the same harm.
_HARM_OF_INDELS = 1.8

#: The highest rate that confidence is learned for.
_HIGHEST = 0.05

#: Codons that are read in a wrong frame before an insertion or deletion is found. From the same
#: benchmark.
_OUT_OF_FRAME = 2.75

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
    is the number of ``reads`` with a stop codon among ``codons``. ``risk`` is the mean of
    `stop_risks` of these codons, and ``elsewhere`` the fraction of stop codons in the other two
    frames: both differ between taxa, and are here those of insects.
    """

    breaks: int
    bases: int
    stopped: int = 0
    reads: int = 0
    codons: int = 0
    risk: float = 0.071
    elsewhere: float = 0.072


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


def _stopped(rows_BL: np.ndarray, positions_BL: np.ndarray) -> tuple[int, int, int, float, float]:
    """Return the number of reads with a stop codon in the marker's frame, and the rest of `Signs`.

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
    mine_BK, others_BK = frames[best], is_codon_BK & ~frames[best]
    codons = int(mine_BK.sum())
    risk = float(stop_risks(rows_BL)[mine_BK].sum()) / max(codons, 1)
    elsewhere = int(is_stop_BK[others_BK].sum()) / max(int(others_BK.sum()), 1)
    return stopped[best], len(rows_BL), codons, risk, elsewhere


def estimate_rates(signs: Signs) -> Rates:
    """Return the most probable error rates, given the signs.

    >>> [round(estimate_rates(Signs(breaks, 100_000)).total, 3) for breaks in (0, 20, 210, 600)]
    [0.0, 0.0, 0.01, 0.03]
    >>> substituted = Signs(5, 100_000, stopped=42, reads=300, codons=65_000)
    >>> round(estimate_rates(substituted).total, 3)
    0.009
    """
    density = (signs.breaks + _BREAKS[0] * _PRIOR_BASES) / (signs.bases + _PRIOR_BASES)
    indels = float(np.interp(density, _BREAKS, _INDELS))
    rates = (_MIXTURE - 1) * max(indels, _LEAST_INDELS) * np.exp(_LOGARITHMS)
    posterior = -((_LOGARITHMS / _SPREAD) ** 2) / 2
    if signs.codons:
        # The stop codons of a read are Poisson distributed: this many are expected.
        stops = signs.risk * rates + _OUT_OF_FRAME * signs.elsewhere * indels
        stops *= signs.codons / signs.reads
        clean = signs.reads - signs.stopped
        posterior += signs.stopped * np.log(-np.expm1(-stops)) - clean * stops
    substitutions = float(rates[np.argmax(posterior)])
    return Rates(substitutions if substitutions >= _CLEAN else 0.0, indels)
