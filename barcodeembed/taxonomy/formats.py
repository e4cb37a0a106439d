"""The formats of labelled records, and which of them a file is in.

A file is in the format that reads most of its first records; of several the one listed first. It
is never read as two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy import headers
from barcodeembed.taxonomy.ranks import RANK_WORDS, Lineage, lineage

#: Records that a file is judged by.
JUDGED = 20

#: An id, None where the format has none, and a lineage; or None for a record of another format.
Labels = tuple[str | None, Lineage] | None


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write lineages beside sequences; ``name`` is what the user is told."""

    name: str
    read: Callable[[SequenceRecord], Labels]

    def fits(self, record: SequenceRecord) -> bool:
        """Tell whether a record is of the format, also where it is malformed."""
        try:
            return self.read(record) is not None
        except ReferenceDataError:
            return True


def recognise(records: Sequence[SequenceRecord]) -> Format | None:
    """Return the format of a file by its first records, None where no format reads any."""
    counts = [sum(map(each.fits, records)) for each in FORMATS]
    most = max(counts)
    return FORMATS[counts.index(most)] if most else None


def title_of(record: SequenceRecord) -> str:
    """Return the whole header of a record."""
    return f"{record.id} {record.description}".strip()


def has_rank_columns(columns) -> bool:
    """Tell whether a table's lower-cased columns name ranks."""
    return not RANK_WORDS.isdisjoint(columns)


def _headers(name: str, split: Callable[[str], Labels]) -> Format:
    return Format(name, lambda record: split(title_of(record)))


def _table(name: str, *columns: str) -> Format:
    """Return the format of a table with rank columns that also has these."""

    def read(record: SequenceRecord) -> Labels:
        known = has_rank_columns(record.fields) and record.fields.keys() >= set(columns)
        return (record.id, lineage(record.fields)) if known else None

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
