"""Feature tables: the reads of each taxon or query in each sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from barcodeembed.errors import InputError
from barcodeembed.report.lineages import by_names, prefixed
from barcodeembed.report.rows import Row
from barcodeembed.vocabulary import NA

#: What a row of the table is.
KINDS = ("taxon", "query", "sequence")

#: What a table of queries or sequences has of each, in addition to the taxonomy.
DETAILS = ("status", "confidence", "identity", "novel_unit", "flags")


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """``taxonomy`` has the prefixed names of features, ``reads`` counts by (feature, sample).

    ``details`` has the first row of each feature, by the names of DETAILS; it is empty for taxa.
    """

    samples: list[str]
    taxonomy: dict[str, list[str]]
    reads: Counter[tuple[str, str]]
    details: dict[str, dict[str, str | None]]


def features(rows: Iterable[Row], samples: Sequence[str], by: str) -> FeatureTable:
    """Count the reads of each feature in each sample.

    Taxa are sorted by lineage, and their lineage is their name. Queries and sequences are in the
    order of the rows. The table contains all ``samples``, even those without rows, and then other
    samples of the rows. Raises InputError if queries with the same id have different taxa.
    """
    found = dict.fromkeys(samples)
    taxonomy: dict[str, list[str]] = {}
    reads: Counter[tuple[str, str]] = Counter()
    details: dict[str, dict[str, str | None]] = {}
    kept = list(rows)
    if by == "taxon":
        kept.sort(key=lambda row: by_names(row.taxon))
    for row in kept:
        names = prefixed(row.taxon)
        feature = _feature(row, names, by)
        known = taxonomy.setdefault(feature, names)
        if by == "query":
            check_same(feature, known, names)
        if by != "taxon":
            details.setdefault(feature, _details(row))
        reads[feature, row.sample] += row.reads
    found |= dict.fromkeys(row.sample for row in kept)
    return FeatureTable(list(found), taxonomy, reads, details)


def _feature(row: Row, names: Sequence[str], by: str) -> str:
    if by == "taxon":
        return ";".join(names)
    if by == "query":
        return row.feature
    if row.md5 is None:
        raise InputError(
            "--by sequence needs a table of several samples, with the column sequence_md5", None
        )
    return row.md5


def _details(row: Row) -> dict[str, str | None]:
    def number(value: float | None) -> str | None:
        return None if value is None else f"{value:.4f}"

    values = (row.status, number(row.confidence), number(row.identity), row.unit, row.flags)
    return dict(zip(DETAILS, values, strict=True))


def check_same(feature: str, known: object, new: object) -> None:
    """Raise InputError if one feature has two taxa."""
    if known != new:
        raise InputError(
            f"the id {feature} is repeated with another taxon; ids of features must be unique"
        )


def table(rows: Iterable[Row], samples: Sequence[str] = (), by: str = "taxon") -> Iterator[str]:
    """Yield a TSV: ``feature_id``, samples, ``taxonomy``, and DETAILS of queries and sequences."""
    counted = features(rows, samples, by)
    details = () if by == "taxon" else DETAILS
    yield "\t".join(["feature_id", *counted.samples, "taxonomy", *details]) + "\n"
    for feature, names in counted.taxonomy.items():
        reads = (str(counted.reads[feature, sample]) for sample in counted.samples)
        more = (counted.details[feature][name] or NA for name in details)
        yield "\t".join([feature, *reads, "; ".join(names), *more]) + "\n"
