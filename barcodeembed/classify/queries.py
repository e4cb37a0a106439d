"""From records to queries: cut primers, clean, and cut to the part that is of the marker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.quality import NON_TARGET
from barcodeembed.index.settings import IndexSettings
from barcodeembed.sequences.cleaning import (
    AMBIGUOUS_BASES,
    CleanSequence,
    clean,
    is_ambiguous,
    normalise,
)
from barcodeembed.sequences.reading import MAX_LETTERS
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.stretches import Locator, Stretch
from barcodeembed.sequences.trimming import Trimmer


@dataclass(frozen=True, slots=True)
class Query:
    """A record that can be classified.

    ``length`` is the number of its bases. ``part`` is the part that is named: bases ``start``,
    counted from 0, to ``end`` of the record. ``flags`` are of the part.
    """

    record: SequenceRecord
    length: int
    flags: tuple[str, ...]
    part: Stretch
    start: int
    end: int

    @property
    def bases(self) -> str:
        """The bases of the part."""
        return self.part.bases

    def refuse(self, flag: str) -> Assignment:
        """Return the answer of a query that must not be named."""
        return _refuse(self.record, self.length, (*self.flags, flag))


def make_queries(
    records: Sequence[SequenceRecord], trimmer: Trimmer, locator: Locator, settings: IndexSettings
) -> list[Query | Assignment]:
    """Return a query for each record, in order, or the answer if it cannot be classified."""

    def cleaned(record: SequenceRecord, max_bases: int) -> CleanSequence:
        return clean(record, min_bases=settings.min_bases, max_bases=max_bases)

    trimmed = trimmer.trim_records(records)
    # A record of any length can contain a barcode.
    reads = [cleaned(record, MAX_LETTERS) for record, _ in trimmed]
    distinct = list(dict.fromkeys(read.bases for read in reads if not read.unclassifiable))
    parts = dict(zip(distinct, locator.locate(distinct), strict=True))
    queries: list[Query | Assignment] = []
    for given, (record, cut), read in zip(records, trimmed, reads, strict=True):
        flags, reason = read.flags, read.unclassifiable
        length = len(normalise(given.sequence)) if cut.pair else len(read.bases)
        part = None if reason else parts[read.bases]
        if part and (len(part.bases) != len(read.bases) or len(part.bases) > settings.max_bases):
            cut_out = replace(record, sequence=read.bases[part.start : part.end], length=-1)
            within = cleaned(cut_out, settings.max_bases)
            if within.unclassifiable == "short" and len(read.bases) <= 2 * locator.length:
                # The read just has the minimum, or is mostly of what surrounds the marker.
                part, within = part.whole(read.bases), read
            flags, reason = within.flags, within.unclassifiable
            if is_ambiguous(part.bases) and AMBIGUOUS_BASES not in flags:
                flags = (*flags, AMBIGUOUS_BASES)
        if part and not reason:
            start, end = part.start + cut.start, part.end + cut.start
            queries.append(Query(record, length, flags, part, start, end))
            continue
        if reason == "too_long":
            length = max(length, given.length)
        queries.append(_refuse(record, length, flags if reason else (*flags, NON_TARGET)))
    return queries


def _refuse(record: SequenceRecord, length: int, flags: tuple[str, ...]) -> Assignment:
    return Assignment(record.id, "unclassifiable", length, flags)
