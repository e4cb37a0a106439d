"""Cut primers off reads, with the tags and adapters outside them.

A primer counts only near an end of a read, because a barcode contains the sites of other primers
inside. A site near an end can also be the organism's own: a fragment of a barcode that begins
before the site. Such a site is recognised by the bases outside it, which then continue the marker;
those of a tag do not. This matters only for primers that nobody has named. For an amplicon that is
given, every site near an end is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from barcodeembed.sequences.anchor import MIN_SUPPORT, Anchor, K
from barcodeembed.sequences.bases import encode_bases, overlapping_kmers
from barcodeembed.sequences.cleaning import normalise, reverse_complement
from barcodeembed.sequences.primer_sites import PrimerFinder
from barcodeembed.sequences.primers import PrimerPair
from barcodeembed.sequences.records import SequenceRecord

#: The flag of a read of which a primer was cut.
PRIMER = "primer"

#: A primer ends within this many bases of an end of the read: enough for an adapter and a tag.
_WINDOW = 100

#: Up to this many bases outside primers say too little, if one primer is there and if both are.
_MAX_FLANK = {1: 1, 2: 8}

#: Errors of a primer that was not given and is alone. Most sites of the organism have more.
_MAX_ERRORS_ALONE = 1

#: The bases outside a site continue the marker if one 5-mer and this fraction of all vote for their
#: position. Eight bases next to a site do in 92 % of barcodes, eight random bases in 2 %.
_MIN_VOTES = 0.3


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of a read when its primers are cut: bases ``start`` to ``end``.

    ``pair`` is the pair whose primers were cut, and ``found`` their number. ``strand`` is ``+`` if
    the forward primer is at the start of the read. A read without primers has no pair.
    """

    start: int
    end: int
    pair: PrimerPair | None = None
    found: int = 0
    strand: str = "+"


@dataclass(frozen=True, slots=True)
class _Site:
    """A primer at an end of a read: errors, bases up to its end, and bases outside it."""

    errors: int
    bases: int
    flank: int


class Trimmer:
    """Cuts the primers of some pairs off reads of either orientation.

    ``given`` says that a user named the pairs, so that a site is not doubted. Otherwise a site with
    bases outside it is cut only if these do not continue the marker, by ``anchor``, or, without an
    anchor, if both primers of a pair are there. ``min_bases`` unambiguous bases must be left.
    """

    def __init__(
        self,
        pairs: Sequence[PrimerPair],
        *,
        given: bool = False,
        anchor: Anchor | None = None,
        min_bases: int = 1,
    ) -> None:
        self.pairs, self.given, self.anchor = tuple(pairs), given, anchor
        self.min_bases = min_bases
        primers = {primer for pair in pairs for primer in (pair.forward, pair.reverse)}
        self._finder = PrimerFinder(sorted(primers))

    def trim_records(self, records: Sequence[SequenceRecord]) -> list[tuple[SequenceRecord, Cut]]:
        """Return the records without their primers, with flag `PRIMER` where one was cut."""
        reads = [normalise(record.sequence) for record in records]
        return [
            (_shorten(record, bases, cut) if cut.pair else record, cut)
            for record, bases, cut in zip(records, reads, self.trim(reads), strict=True)
        ]

    def trim(self, reads: Sequence[str]) -> list[Cut]:
        """Return what is left of each read, in upper case without gaps, when primers are cut."""
        cuts = [Cut(0, len(bases)) for bases in reads]
        if not self.pairs:
            return cuts
        ends = [reads, [reverse_complement(bases[-_WINDOW:]) for bases in reads]]
        sites = [self._sites(windows, reads) for windows in ends]
        for row in sorted({*sites[0], *sites[1]}):
            left, right = (found.get(row, {}) for found in sites)
            cuts[row] = self._best(reads[row], left, right) or cuts[row]
        return cuts

    def _sites(self, starts: Sequence[str], reads: Sequence[str]) -> dict[int, dict[str, _Site]]:
        """Return the primers at one end of the reads, by number of the read and primer."""
        finder = self._finder
        windows = [
            start[: min(_WINDOW, len(bases) // 2)]
            for start, bases in zip(starts, reads, strict=True)
        ]
        fewest_BP, ends_BP = finder.find(windows)
        found: dict[int, dict[str, _Site]] = {}
        for row, p in np.argwhere(fewest_BP <= finder.allowed_P).tolist():
            primer, bases = finder.primers[p], int(ends_BP[row, p])
            flank = max(bases - len(primer), 0)
            found.setdefault(row, {})[primer] = _Site(int(fewest_BP[row, p]), bases, flank)
        return found

    def _best(self, bases: str, left: dict[str, _Site], right: dict[str, _Site]) -> Cut | None:
        """Return the cut of the pair with most primers, then fewest errors, then fewest bases."""
        candidates = []
        for (number, pair), strand in product(enumerate(self.pairs), "+-"):
            first, second = (
                (pair.forward, pair.reverse) if strand == "+" else (pair.reverse, pair.forward)
            )
            for at_start, at_end in self._sides(pair, bases, left.get(first), right.get(second)):
                present = [site for site in (at_start, at_end) if site]
                key = (
                    -len(present),
                    sum(site.errors for site in present),
                    sum(site.bases for site in present),
                    number,
                )
                start = at_start.bases if at_start else 0
                end = len(bases) - (at_end.bases if at_end else 0)
                cut = Cut(start, end, pair, len(present), strand)
                candidates.append((key, cut, (at_start, at_end)))
        for _, cut, sites in sorted(candidates, key=lambda candidate: candidate[0]):
            if self.given:
                return cut
            rest = sum(bases.count(base, cut.start, cut.end) for base in "ACGT")
            if rest >= self.min_bases and self._is_primer(bases, cut, sites):
                return cut
        return None

    def _sides(
        self, pair: PrimerPair, bases: str, start: _Site | None, end: _Site | None
    ) -> Iterator[tuple[_Site | None, _Site | None]]:
        """Yield both primers if what they enclose has the usual length, otherwise each alone."""
        if start and end:
            enclosed = len(bases) - start.bases - end.bases
            if self.given or pair.min_length <= enclosed <= pair.max_length:
                yield start, end
                return
        for site, sites in ((start, (start, None)), (end, (None, end))):
            if site and (self.given or self._fits(site, len(bases) - site.bases, pair)):
                yield sites

    def _fits(self, site: _Site, rest: int, pair: PrimerPair) -> bool:
        """Return whether a primer can be alone: a read past the amplicon has both."""
        return site.errors <= _MAX_ERRORS_ALONE and rest <= pair.max_length

    def _is_primer(self, bases: str, cut: Cut, sites: tuple[_Site | None, _Site | None]) -> bool:
        """Return whether some site is a primer's, not the organism's own."""
        flanks = [site.flank if site else 0 for site in sites]
        if sum(flanks) <= _MAX_FLANK[cut.found]:
            return True
        if self.anchor is None:
            return all(sites)
        start, end = cut.start, cut.end
        if cut.strand == "-":
            bases, flanks = reverse_complement(bases), flanks[::-1]
            start, end = len(bases) - end, len(bases) - start
        return not _continues(self.anchor, bases, start, end, flanks)


def _shorten(record: SequenceRecord, bases: str, cut: Cut) -> SequenceRecord:
    # A record of which the reader kept only a part stays longer than its letters.
    beyond = record.length - len(record.sequence)
    return replace(
        record,
        sequence=bases[cut.start : cut.end],
        length=cut.end - cut.start + beyond,
        flags=(*record.flags, PRIMER),
    )


def _continues(anchor: Anchor, bases: str, start: int, end: int, flanks: Sequence[int]) -> bool:
    """Return whether the bases outside the primers continue the marker.

    ``flanks`` are their numbers at both ends, and ``start`` and ``end`` enclose the amplicon.
    """
    codes = encode_bases(bases)
    inside = codes[start:end]
    if anchor.support(inside[None], np.array([len(inside)]))[0] < MIN_SUPPORT:
        return True  # what is enclosed is not of the marker, so the primers are not, either
    first = int(anchor.locate(inside[None], np.array([len(inside)]))[0]) - start
    kmers = overlapping_kmers(codes, K)
    positions = first + np.arange(len(kmers))
    votes = ((anchor.positions[kmers] == positions[:, None]) & (anchor.weights[kmers] > 0)).any(1)
    # A 5-mer with one base outside has a vote too often, because the site is the marker's.
    left, right = (max(flank - 1, 0) for flank in flanks)
    outside = np.concatenate((votes[:left], votes[len(votes) - right :]))
    return bool(outside.sum() >= min(1 + _MIN_VOTES * len(outside), len(outside)))
