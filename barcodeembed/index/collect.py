"""From labelled records to the references of an index: cleaned, each once, named, in one sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.cleaning import clean, reverse_complement
from barcodeembed.sequences.orientation import learn_orientation, strand
from barcodeembed.taxonomy.columns import bin_of, country_of, marker_of
from barcodeembed.taxonomy.ranks import Lineage
from barcodeembed.taxonomy.references import LabelledRecord, resolve_conflicts
from barcodeembed.vocabulary import MIN_BASES


@dataclass(slots=True)
class BuildReport:
    """What became of the records: every one is used or counted under a reason."""

    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    distinct: int = 0
    embedded: int = 0
    reverse_complemented: int = 0
    conflicts: list[str] = field(default_factory=list)

    @property
    def used(self) -> int:
        return self.records - self.left_out.total()


@dataclass(frozen=True, slots=True)
class Reference:
    """A barcode with a name. Two of one id are the same if bases and lineage are.

    ``source_lineage`` is the lineage as its source has it, where ``lineage`` was settled to another;
    ``reverse_complemented`` tells that the source has the other strand of ``bases``.
    """

    id: str
    bases: str
    lineage: Lineage
    bin: str | None = field(default=None, compare=False)
    country: str | None = field(default=None, compare=False)
    source_lineage: Lineage | None = field(default=None, compare=False)
    reverse_complemented: bool = field(default=False, compare=False)
    marker: str | None = field(default=None, compare=False)


def clean_references(
    labelled: Iterable[LabelledRecord],
    report: BuildReport,
    *,
    max_bases: int,
    min_bases: int = MIN_BASES,
) -> Iterator[Reference]:
    """Yield the records that can be used; the others are counted."""
    for record, lineage in labelled:
        report.records += 1
        barcode = clean(record, min_bases=min_bases, max_bases=max_bases)
        reason = barcode.unclassifiable or ("no_id" if "no_id" in barcode.flags else None)
        if reason is None and not any(lineage):
            reason = "no_lineage"
        if reason:
            report.left_out[reason] += 1
            continue
        yield Reference(
            record.id,
            barcode.bases,
            lineage,
            bin_of(record.fields),
            country_of(record.fields),
            marker=marker_of(record.fields),
        )


def of_one_marker(references: Iterable[Reference], report: BuildReport) -> list[Reference]:
    """Keep the marker that most references are of, where a table (BOLD's) names it."""
    references = list(references)
    counts = Counter(r.marker for r in references if r.marker)
    if len(counts) < 2:
        return references
    usual = min(counts, key=lambda marker: (-counts[marker], marker))
    report.left_out["other_marker"] += counts.total() - counts[usual]
    return [r for r in references if r.marker in (usual, None)]


def deduplicate(references: Iterable[Reference], report: BuildReport) -> list[Reference]:
    """Return references sorted by id; exact repeats are dropped and counted.

    Raises ReferenceDataError where an id stands for different references, or there are none.
    """
    found: dict[str, Reference] = {}
    duplicates: Counter[str] = Counter()
    for reference in references:
        if found.setdefault(reference.id, reference) != reference:
            duplicates[reference.id] += 1
        elif found[reference.id] is not reference:
            report.left_out["repeated"] += 1
    if duplicates:
        first = ", ".join(list(duplicates)[:5])
        raise ReferenceDataError(
            f"{len(duplicates):,} ids stand for different references: {first}; ids must be unique"
        )
    if not found:
        told = ", ".join(f"{count:,} {reason}" for reason, count in report.left_out.items())
        raise ReferenceDataError(
            f"no usable reference among {report.records:,} records" + (f" ({told})" if told else "")
        )
    # One order for one set of references, whatever the order of the file.
    return [found[name] for name in sorted(found)]


def resolve_lineages(
    references: list[Reference], on_conflict: str, report: BuildReport
) -> list[Reference]:
    """Give every taxon one set of ancestors; what a source stated otherwise is kept beside."""
    replacement, report.conflicts = resolve_conflicts(r.lineage for r in references)
    if report.conflicts and on_conflict == "fail":
        raise ReferenceDataError(
            f"{len(report.conflicts):,} taxa have conflicting parents: {report.conflicts[0]}; "
            "--on-conflict majority follows the greater number of records"
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
    """Learn the usual sense of the references and turn those that were deposited in the other."""
    log_odds = learn_orientation(r.bases for r in references)
    oriented = []
    for r in references:
        if strand(r.bases, log_odds) == "-":
            report.reverse_complemented += 1
            r = replace(r, bases=reverse_complement(r.bases), reverse_complemented=True)
        oriented.append(r)
    return oriented, log_odds


def collapse(references: list[Reference]) -> tuple[np.ndarray, list[str]]:
    """Return each reference's barcode number and the distinct barcodes, in order of first use."""
    numbers: dict[str, int] = {}
    vectors_of = [numbers.setdefault(r.bases, len(numbers)) for r in references]
    return np.array(vectors_of, np.int64), list(numbers)
