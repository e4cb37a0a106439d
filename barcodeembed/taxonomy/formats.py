"""Recognise the format of labelled records.

A file has the format that reads most of its first records; on a tie, the format listed first in
FORMATS. A file is never read in two formats.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy import headers
from barcodeembed.taxonomy.ranks import RANK_WORDS, Lineage, lineage

#: Number of first records from which a format is recognised.
SAMPLE_SIZE = 20

#: The id (None if the format has no ids) and the lineage; or None for a record in another format.
Labels = tuple[str | None, Lineage] | None


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write lineages with sequences. ``name`` is shown to the user."""

    name: str
    read: Callable[[SequenceRecord], Labels]

    def fits(self, record: SequenceRecord) -> bool:
        """Return whether a record has this format, even if it is malformed."""
        try:
            return self.read(record) is not None
        except ReferenceDataError:
            return True


def recognise(records: Sequence[SequenceRecord]) -> Format | None:
    """Return the format of a file from its first records, or None if no format fits any of them."""
    counts = [sum(map(each.fits, records)) for each in FORMATS]
    highest = max(counts)
    return FORMATS[counts.index(highest)] if highest else None


def title_of(record: SequenceRecord) -> str:
    """Return the whole header of a record."""
    return f"{record.id} {record.description}".strip()


def has_rank_columns(columns: Collection[str]) -> bool:
    """Return whether a table, given its column names in lower case, has a column for a rank."""
    return not RANK_WORDS.isdisjoint(columns)


def _headers(name: str, split: Callable[[str], Labels]) -> Format:
    return Format(name, lambda record: split(title_of(record)))


def _table(name: str, *columns: str) -> Format:
    """Return the format of a table with rank columns and all of ``columns``."""

    def read(record: SequenceRecord) -> Labels:
        fits = has_rank_columns(record.fields) and record.fields.keys() >= set(columns)
        return (record.id, lineage(record.fields)) if fits else None

    return Format(name, read)


FORMATS = (
    _headers("SINTAX headers (;tax=k:..,p:..)", headers.split_sintax),
    _table("a BOLD v5 (BCDM) table", "processid", "marker_code"),
    _table("a BOLD v4 table", "processid", "markercode"),
    _table("a BIOSCAN table", "processid", "dna_bin"),
    _table("a table with rank columns"),
    _headers("UNITE headers (k__..;p__..)", headers.split_prefixed),
    _headers("RDP trainset headers (id Lineage=Root;rootrank;..)", headers.split_rdp_pairs),
    _headers("RDP headers (id Kingdom;Phylum;..)", headers.split_rdp),
    _headers("DADA2 headers (Kingdom;Phylum;..)", headers.split_dada2),
    _headers("DADA2 species headers (id Genus species)", headers.split_dada2_species),
)
