"""From records to queries: clean each record, and cut it to the part that is of the marker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.quality import NON_TARGET
from barcodeembed.index.settings import IndexSettings
from barcodeembed.sequences.cleaning import CleanSequence, clean
from barcodeembed.sequences.location import Locator, Stretch
from barcodeembed.sequences.reading import MAX_LETTERS
from barcodeembed.sequences.records import SequenceRecord


@dataclass(frozen=True, slots=True)
class Query:
    """A record that can be classified.

    ``length`` is the number of its bases, and ``part`` is the part that is named. ``flags`` are of
    the part.
    """

    record: SequenceRecord
    length: int
    flags: tuple[str, ...]
    part: Stretch

    @property
    def bases(self) -> str:
        """The bases of the part."""
        return self.part.bases

    def refuse(self, flag: str) -> Assignment:
        """Return the answer of a query that must not be named."""
        return _refuse(self.record, self.length, (*self.flags, flag))


def make_queries(
    records: Sequence[SequenceRecord], locator: Locator, settings: IndexSettings
) -> list[Query | Assignment]:
    """Return a query for each record, in order, or the answer if it cannot be classified."""
    # A record of any length can contain a barcode, if the model has positions of the marker.
    most = settings.max_bases if locator.anchor is None else MAX_LETTERS

    def cleaned(record: SequenceRecord) -> CleanSequence:
        return clean(record, min_bases=settings.min_bases, max_bases=most)

    reads = [cleaned(record) for record in records]
    parts = iter(locator.locate([read.bases for read in reads if not read.unclassifiable]))
    queries: list[Query | Assignment] = []
    for record, read in zip(records, reads, strict=True):
        length, flags, reason = len(read.bases), read.flags, read.unclassifiable
        part = None if reason else next(parts)
        if part and len(part.bases) != length:
            checked = cleaned(replace(record, sequence=part.bases, length=-1))
            flags, reason = checked.flags, checked.unclassifiable
        if part and not reason:
            queries.append(Query(record, length, flags, part))
            continue
        if reason == "too_long":
            length = max(length, record.length)
        queries.append(_refuse(record, length, flags if reason else (*flags, NON_TARGET)))
    return queries


def _refuse(record: SequenceRecord, length: int, flags: tuple[str, ...]) -> Assignment:
    return Assignment(record.id, "unclassifiable", length, flags)
