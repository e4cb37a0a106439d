"""Recognise the format of labelled records.

A file has the format that reads most of its first records; on a tie, the format listed first in
FORMATS. A file is never read in two formats.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.tables import find_column
from barcodeembed.taxonomy import headers, name_headers
from barcodeembed.taxonomy.conventions import Convention
from barcodeembed.taxonomy.headers import Header
from barcodeembed.taxonomy.layouts import place
from barcodeembed.taxonomy.names import NameNotes, note, note_names, strip_placeholder
from barcodeembed.taxonomy.ranks import RANK_WORDS, UNKNOWN, Lineage

#: Number of first records from which a format is recognised.
SAMPLE_SIZE = 20

#: Names of columns with a whole lineage.
LINEAGE_COLUMNS = ("taxonomy", "lineage", "taxon", "tax", "classification", "taxonomic_lineage")

#: Maximum characters of a title that are noted as a name that was not read.
_MAX_NOTED = 40


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write lineages with sequences. ``name`` is shown to the user.

    A record that does not fit is an error, unless the format is ``loose``.
    """

    name: str
    read: Callable[[SequenceRecord], Header | None]
    loose: bool = False

    def fits(self, record: SequenceRecord) -> bool:
        """Return whether a record has this format, even if it is malformed."""
        try:
            return self.read(record) is not None
        except ReferenceDataError:
            return True

    def read_well_formed(self, records: Iterable[SequenceRecord]) -> Iterator[Header]:
        """Yield the headers of the records that have this format and are not malformed."""
        for record in records:
            with suppress(ReferenceDataError):
                if (header := self.read(record)) is not None:
                    yield header


@dataclass(frozen=True, slots=True)
class Reading:
    """How the lineages of a file are read: its format, and how it writes lineages in it."""

    format: Format
    convention: Convention

    def __str__(self) -> str:
        return self.convention.describe(self.format.name)

    def label(self, record: SequenceRecord) -> tuple[Header, Lineage] | None:
        """Return the header and the lineage of a record, or None if it has another format.

        Raises ReferenceDataError if the record is malformed.
        """
        header = self.format.read(record)
        if header is None:
            return self._without_name(record) if self.format.loose else None
        return self.convention.with_taxon_id(header), self.convention.lineage(header)

    def _without_name(self, record: SequenceRecord) -> tuple[Header, Lineage]:
        note("placeholders", record.description[:_MAX_NOTED] or record.id)
        return Header(record.id), UNKNOWN


def recognise(
    records: Sequence[SequenceRecord], ranks: Sequence[str] | None = None
) -> Reading | None:
    """Return how to read a file, given its first records, or None if no format fits any of them.

    ``ranks`` are the ranks of lineages that do not give them.
    """
    with note_names(NameNotes()):  # names are noted only when they are read in the right format
        counts = [sum(map(each.fits, records)) for each in FORMATS]
        if not max(counts):
            return None
        best = FORMATS[counts.index(max(counts))]
        return Reading(best, Convention.of(best.read_well_formed(records), ranks))


def title_of(record: SequenceRecord) -> str:
    """Return the whole header of a record."""
    return f"{record.id} {record.description}".strip()


def has_rank_columns(columns: Collection[str]) -> bool:
    """Return whether a table, given its column names in lower case, has a column for a rank."""
    return not RANK_WORDS.isdisjoint(columns)


def _headers(name: str, split: Callable[[str], Header | None], *, loose: bool = False) -> Format:
    return Format(name, lambda record: split(title_of(record)), loose)


def _table(name: str, *columns: str) -> Format:
    """Return the format of a table with rank columns and all of ``columns``."""

    def read(record: SequenceRecord) -> Header | None:
        if not has_rank_columns(record.fields) or not record.fields.keys() >= set(columns):
            return None
        return Header(record.id, {k: v for k, v in record.fields.items() if k in RANK_WORDS})

    return Format(name, read)


def _read_lineage_column(record: SequenceRecord) -> Header | None:
    """Return the lineage in one column of a table, written as a list."""
    column = _lineage_column(tuple(record.fields))
    text = record.fields[column] if column else ""
    if (names := headers.parse_ranked(text)) is not None:
        return Header(record.id, names)
    listed = headers.parse_levels(text)
    if listed is not None:
        return headers.of_list(record.id, listed)
    return Header(record.id) if column and strip_placeholder(text) is None else None


@lru_cache(1)  # the records of a table have the same columns
def _lineage_column(columns: tuple[str, ...]) -> str | None:
    return find_column(columns, LINEAGE_COLUMNS)


def _read_flat(record: SequenceRecord) -> Header | None:
    """Return the lineage of a flat file, whose names have no ranks, as far as these are certain."""
    organism = record.fields.get("organism")
    if organism is None:
        return None
    above = record.fields.get("lineage", "").split(";")
    names = place([*above, organism], noted=False)
    if "species" not in names and " " in organism:
        names |= {"genus": organism.split()[0], "species": organism}
    taxid = record.fields.get("taxid")
    return Header(record.id, names, fields={"taxon_id": taxid} if taxid else {})


FORMATS = (
    _headers("SINTAX headers (;tax=k:..,p:..)", headers.split_sintax),
    _table("a BOLD v5 (BCDM) table", "processid", "marker_code"),
    _table("a BOLD v4 table", "processid", "markercode"),
    _table("a BIOSCAN table", "processid", "dna_bin"),
    _table("a table with rank columns"),
    Format("a flat file with organisms (GenBank, EMBL)", _read_flat),
    Format("a table with a column of lineages", _read_lineage_column),
    _headers("UNITE headers (k__..;p__..)", headers.split_prefixed),
    _headers("OBITools headers (id {..} or id species_name=..;)", name_headers.split_obitools),
    _headers("RDP trainset headers (id Lineage=Root;rootrank;..)", headers.split_rdp_pairs),
    _headers("RDP headers (id Kingdom;Phylum;..)", headers.split_rdp),
    _headers("DADA2 headers (Kingdom;Phylum;..)", headers.split_dada2),
    _headers("PR2 headers (id|18S_rRNA|nucleus||Domain|..)", headers.split_pr2),
    _headers(
        "BOLD headers (processid|name|marker), without ranks above genus", name_headers.split_bold
    ),
    _headers("barque headers (Family_Genus_species)", name_headers.split_barque),
    _headers(
        "MitoFish headers (gb|accession|Genus_species), without ranks above genus",
        name_headers.split_piped,
        loose=True,
    ),
    _headers(
        "DADA2 species headers (id Genus species), without ranks above genus",
        name_headers.split_species,
    ),
    _headers(
        "NCBI definition lines (accession Genus species ..), without ranks above genus",
        name_headers.split_definition,
        loose=True,
    ),
)
