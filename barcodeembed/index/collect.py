"""From labelled records to the references of an index.

Records are cleaned, deduplicated, given consistent lineages, and brought to one orientation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Any, TypeVar, cast

import numpy as np

from barcodeembed.errors import ReferenceDataError
from barcodeembed.index.settings import Amplicon, QuantisedSearch
from barcodeembed.sequences.cleaning import CleanSequence, clean, reverse_complement
from barcodeembed.sequences.decoys import TOGETHER, Decoy, find_decoys, known_decoys
from barcodeembed.sequences.orientation import learn_strands
from barcodeembed.sequences.packed import PackedSequences, pack, unpack
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.tables import ID_COLUMNS, USUAL
from barcodeembed.taxonomy.columns import bin_of, country_of, marker_of, taxon_id_of
from barcodeembed.taxonomy.names import NameNotes
from barcodeembed.taxonomy.ranks import Lineage
from barcodeembed.taxonomy.references import LabelledRecord, resolve_conflicts
from barcodeembed.vocabulary import CONTAMINANT, MIN_BASES

T = TypeVar("T")


@dataclass(slots=True)
class BuildReport:
    """Counts of the records of a build. Every record is either used or counted under a reason.

    ``amplicon`` is the part of the marker to which the references were cut, if they were.
    ``contaminants`` are the ids of the records that were left out as contaminants, ``names``
    the names that were changed or not read, and ``unnamed`` the columns of the first record without
    an id. ``search`` is the quantised search that was tried, if any.
    """

    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    distinct: int = 0
    embedded: int = 0
    reverse_complemented: int = 0
    conflicts: list[str] = field(default_factory=list)
    amplicon: Amplicon | None = None
    contaminants: list[str] = field(default_factory=list)
    names: NameNotes = field(default_factory=NameNotes)
    unnamed: list[str] = field(default_factory=list)
    search: QuantisedSearch | None = None

    @property
    def used(self) -> int:
        return self.records - self.left_out.total()

    def describe(self) -> dict[str, Any]:
        """Return the counts and lists as a JSON object."""
        return {
            "records": self.records,
            "used": self.used,
            "left_out": dict(sorted(self.left_out.items())),
            "distinct_barcodes": self.distinct,
            "reverse_complemented": self.reverse_complemented,
            "names_reduced": dict(self.names.reduced),
            "names_left_out": {
                "no_name": dict(self.names.placeholders),
                "uncertain_rank": dict(self.names.uncertain),
                "unknown_prefix": dict(self.names.prefixes),
            },
            "contaminants": self.contaminants,
            "conflicts": self.conflicts,
        }


@dataclass(frozen=True, slots=True)
class Reference:
    """A barcode with a lineage. References are equal if id, bases and lineage are equal.

    ``packed`` are the bases, as `pack` makes them.
    ``source_lineage`` is the lineage as given in the source, if it was resolved to another one.
    ``reverse_complemented`` is true if the source has the other strand of ``bases``.
    """

    id: str
    packed: bytes
    lineage: Lineage
    bin: str | None = field(default=None, compare=False)
    country: str | None = field(default=None, compare=False)
    source_lineage: Lineage | None = field(default=None, compare=False)
    reverse_complemented: bool = field(default=False, compare=False)
    marker: str | None = field(default=None, compare=False)
    taxon_id: str | None = field(default=None, compare=False)

    @property
    def bases(self) -> str:
        return unpack(self.packed)

    def turned(self) -> Reference:
        """Return the other strand of a reference that has the strand of its source."""
        return replace(self, packed=pack(reverse_complement(self.bases)), reverse_complemented=True)


def clean_references(
    labelled: Iterable[LabelledRecord],
    report: BuildReport,
    *,
    max_bases: int,
    min_bases: int = MIN_BASES,
) -> Iterator[Reference]:
    """Yield the records that can be used; count the others in ``report.left_out``.

    A record of a known contaminant with the name of something else cannot be used.
    """
    shared: dict[Any, Any] = {}

    def same(value: T) -> T:
        """Return the first of equal values, so that all records share one."""
        return cast(T, shared.setdefault(value, value))

    for record, lineage, barcode, decoy in _searched(labelled, min_bases, max_bases):
        report.records += 1
        reason = barcode.unclassifiable or ("no_id" if "no_id" in barcode.flags else None)
        if reason is None and not any(lineage):
            reason = "no_lineage"
        if reason is None and decoy is not None and not decoy.fits(lineage):
            report.contaminants.append(record.id)
            reason = CONTAMINANT
        if reason:
            report.left_out[reason] += 1
            if reason == "no_id" and not report.unnamed:
                report.unnamed = list(record.fields)
            continue
        yield Reference(
            record.id,
            pack(barcode.bases),
            same(lineage),
            same(bin_of(record.fields)),
            same(country_of(record.fields)),
            marker=same(marker_of(record.fields)),
            taxon_id=same(taxon_id_of(record.fields)),
        )


def _searched(
    labelled: Iterable[LabelledRecord], min_bases: int, max_bases: int
) -> Iterator[tuple[SequenceRecord, Lineage, CleanSequence, Decoy | None]]:
    """Yield records with their lineage, their clean bases and the contaminant that they are of."""
    records, decoys = iter(labelled), known_decoys()
    while batch := list(islice(records, TOGETHER)):
        barcodes = [clean(record, min_bases=min_bases, max_bases=max_bases) for record, _ in batch]
        numbers = find_decoys([b.bases if not b.unclassifiable else "" for b in barcodes], decoys)
        for (record, lineage), barcode, number in zip(batch, barcodes, numbers, strict=True):
            yield record, lineage, barcode, None if number is None else decoys[number]


def keep_main_marker(references: Iterable[Reference], report: BuildReport) -> list[Reference]:
    """Keep the references of the most frequent marker, if the table (of BOLD) has markers."""
    references = list(references)
    counts = Counter(r.marker for r in references if r.marker)
    if len(counts) < 2:
        return references
    main = min(counts, key=lambda marker: (-counts[marker], marker))
    report.left_out["other_marker"] += counts.total() - counts[main]
    return [r for r in references if r.marker in (main, None)]


def deduplicate(
    references: Iterable[Reference], report: BuildReport, duplicate_ids: str = "fail"
) -> list[Reference]:
    """Return references sorted by id, without exact repeats, which are counted.

    ``duplicate_ids`` is one of DUPLICATE_POLICIES. Raises ReferenceDataError if there are no
    references, or if an id belongs to different ones and ``duplicate_ids`` is ``fail``.
    """
    found: dict[str, Reference] = {}
    others: dict[str, list[Reference]] = {}
    for reference in references:
        name = reference.id
        first = found.setdefault(name, reference)
        if first is reference:
            continue
        if reference == first or reference in others.get(name, ()):
            report.left_out["repeated"] += 1
        elif duplicate_ids == "first":
            report.left_out["duplicate_id"] += 1
        else:
            others.setdefault(name, []).append(reference)
    # In the order of the first of each id.
    duplicates = [name for name in found if name in others]
    if duplicates and duplicate_ids == "fail":
        raise ReferenceDataError(
            f"{len(duplicates):,} ids stand for different references: {', '.join(duplicates[:5])}; "
            "ids must be unique (or use --duplicate-ids keep or first with index build)"
        )
    if not found:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in report.left_out.items())
        raise ReferenceDataError(
            f"no usable reference among {report.records:,} records"
            + (f" ({reasons})" if reasons else "")
            + _describe_columns(report.unnamed)
        )
    for name in duplicates:
        same = sorted((found[name], *others[name]), key=lambda r: (r.bases, str(r.lineage)))
        found[name] = same[0]
        for other in same[1:]:
            number = next(n for n in count(2) if f"{name}.{n}" not in found)
            found[f"{name}.{number}"] = replace(other, id=f"{name}.{number}")
    # The order does not depend on that of the file.
    return [found[name] for name in sorted(found)]


def _describe_columns(columns: list[str]) -> str:
    """Return a hint about a table without a usual column of ids, or an empty text."""
    if not columns or USUAL.find_id(columns) is not None:
        return ""
    return (
        f"; the table has no column of ids, such as {', '.join(ID_COLUMNS[:6])}; its columns are "
        f"{', '.join(columns)} and the sequence; name the column with --id-column"
    )


def resolve_lineages(
    references: list[Reference], on_conflict: str, report: BuildReport
) -> list[Reference]:
    """Give every taxon one set of ancestors; a lineage that changes is kept as source lineage."""
    replacement, report.conflicts = resolve_conflicts(r.lineage for r in references)
    if report.conflicts and on_conflict == "fail":
        raise ReferenceDataError(
            f"{len(report.conflicts):,} taxa have conflicting parents: {report.conflicts[0]}; "
            "--on-conflict majority uses the parent that most records have"
        )
    return [
        replace(r, lineage=replacement[r.lineage], source_lineage=r.lineage)
        if r.lineage in replacement
        else r
        for r in references
    ]


def orient_references(
    references: list[Reference], report: BuildReport
) -> tuple[list[Reference], np.ndarray]:
    """Learn the orientation of most references; reverse-complement the others."""
    strands, log_odds = learn_strands(PackedSequences([r.packed for r in references]))
    oriented = []
    for r, sense in zip(references, strands, strict=True):
        if sense == "-":
            report.reverse_complemented += 1
            r = r.turned()
        oriented.append(r)
    return oriented, log_odds


def collapse(references: list[Reference]) -> tuple[np.ndarray, PackedSequences]:
    """Return each reference's barcode number and the distinct barcodes, in order of first use."""
    numbers: dict[bytes, int] = {}
    each = (numbers.setdefault(r.packed, len(numbers)) for r in references)
    vectors_of = np.fromiter(each, np.int64, len(references))
    return vectors_of, PackedSequences(list(numbers))
