"""Choose the primers that are cut off reads, and find the amplicon of reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from barcodeembed.errors import InputError
from barcodeembed.index.settings import IndexSettings
from barcodeembed.sequences.anchor import MIN_SUPPORT_IN_BULK, Anchor, encode_rows
from barcodeembed.sequences.cleaning import clean, reverse_complement
from barcodeembed.sequences.orientation import strand
from barcodeembed.sequences.primer_positions import amplicon_positions, pairs_of_marker
from barcodeembed.sequences.primers import PrimerPair, choose_pair, usual_pairs
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.trimming import Trimmer
from barcodeembed.vocabulary import AUTO, NONE

#: Reads in which `find_amplicon` looks.
SAMPLE = 1_000

#: The amplicon of reads is one whose ends are within this many bases of theirs.
_MAX_DISTANCE = 12


def choose_trimmer(
    settings: IndexSettings, anchor: Anchor | None, amplicon: str | None, primers: str | None
) -> Trimmer:
    """Return what cuts the primers of an amplicon, of the index's amplicon, or the usual primers.

    Raises InputError if ``amplicon`` is not known, or given together with ``primers``.
    """
    if amplicon in (AUTO, NONE) and primers is not None:
        raise InputError(f"amplicon is {amplicon}, so primers must not be given")
    if amplicon == NONE:
        return Trimmer(())
    pair = choose_pair(None if amplicon == AUTO else amplicon, primers)
    if pair is None and amplicon is None and settings.amplicon is not None:
        pair = settings.amplicon.pair
    if pair is not None:
        return Trimmer([pair], given=True)
    return Trimmer(_pairs(anchor), anchor=anchor, min_bases=settings.min_bases)


@dataclass(frozen=True, slots=True)
class FoundAmplicon:
    """The amplicon of a sample of reads.

    Attributes:
        reads: Number of reads in the sample.
        primers: How many of them have primers of which amplicon.
        pair: The pair that most reads have, or None.
        first: Median position of the first base in the marker, from 1; None without positions.
        last: Median position of the last base.
        marker_length: Number of bases of the marker.
        amplicons: The usual amplicons with these ends.
    """

    reads: int
    primers: Mapping[str, int]
    pair: PrimerPair | None = None
    first: int | None = None
    last: int | None = None
    marker_length: int | None = None
    amplicons: tuple[str, ...] = ()

    def __str__(self) -> str:
        several = ", ".join(f"{count:,} {name}" for name, count in self.primers.items())
        if self.pair:
            text = (
                f"{self.primers[self.pair.name]:,} of the first {self.reads:,} reads have primers"
            )
            text += f" of {self.pair}"
        else:
            text = f"the first {self.reads:,} reads have no common primers"
            text += f" ({several})" if several else ""
        if self.first is None:
            return text
        names = ", ".join(self.amplicons) or "no usual amplicon"
        return (
            f"{text}; the reads cover positions {self.first} to {self.last} of "
            f"{self.marker_length} of the marker: {names}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return a description for JSON."""
        return {
            "reads": self.reads,
            "primers": dict(self.primers),
            "primers_cut": self.pair.name if self.pair else None,
            "first": self.first,
            "last": self.last,
            "amplicons": list(self.amplicons),
        }


def find_amplicon(
    records: Sequence[SequenceRecord],
    trimmer: Trimmer,
    settings: IndexSettings,
    orientation: np.ndarray,
    anchor: Anchor | None,
) -> FoundAmplicon:
    """Find the primers that most reads have, and where the reads lie in the marker."""
    trimmed = trimmer.trim_records(records)
    counts = Counter(cut.pair for _, cut in trimmed if cut.pair)
    primers = {pair.name: count for pair, count in counts.most_common()}
    common = next((pair for pair, count in counts.items() if 2 * count > len(records)), None)
    region = None
    if anchor is not None:
        barcodes = (
            clean(record, min_bases=settings.min_bases, max_bases=settings.max_bases)
            for record, _ in trimmed
        )
        bases = [barcode.bases for barcode in barcodes if not barcode.unclassifiable]
        region = _region(
            [b if strand(b, orientation) == "+" else reverse_complement(b) for b in bases], anchor
        )
    if anchor is None or region is None:
        return FoundAmplicon(len(records), primers, common)
    names = tuple(p.name for p in _pairs(anchor) if _is_near(amplicon_positions(p, anchor), region))
    first, end = region
    return FoundAmplicon(len(records), primers, common, first + 1, end, anchor.length, names)


def _pairs(anchor: Anchor | None) -> list[PrimerPair]:
    pairs = list(usual_pairs().values())
    return pairs if anchor is None else pairs_of_marker(pairs, anchor)


def _region(sequences: Sequence[str], anchor: Anchor) -> tuple[int, int] | None:
    """Return the median positions of the first base and after the last; None without positions."""
    if not sequences:
        return None
    codes, lengths = encode_rows(sequences)
    firsts = anchor.locate(codes, lengths)
    supported = anchor.support(codes, lengths) >= MIN_SUPPORT_IN_BULK
    if 2 * supported.sum() <= len(sequences):
        return None
    return int(np.median(firsts[supported])), int(np.median((firsts + lengths)[supported]))


def _is_near(one: tuple[int, int] | None, other: tuple[int, int]) -> bool:
    return one is not None and all(
        abs(a - b) <= _MAX_DISTANCE for a, b in zip(one, other, strict=True)
    )
