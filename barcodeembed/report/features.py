"""Feature tables: the reads of each taxon or query in each sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from barcodeembed.errors import InputError
from barcodeembed.report.lineages import by_names, prefixed
from barcodeembed.report.rows import Row

#: What a row of the table is.
KINDS = ("taxon", "query")


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """``taxonomy`` has the prefixed names of features, ``reads`` counts by (feature, sample)."""

    samples: list[str]
    taxonomy: dict[str, list[str]]
    reads: Counter[tuple[str, str]]


def features(rows: Iterable[Row], samples: Sequence[str], by: str) -> FeatureTable:
    """Count the reads of each feature in each sample.

    Taxa are sorted by lineage, and their lineage is their name. Queries are in the order of the
    rows. The table contains all ``samples``, even those without rows, and then other samples of the
    rows. Raises InputError if queries with the same id have different taxa.
    """
    found = dict.fromkeys(samples)
    taxonomy: dict[str, list[str]] = {}
    reads: Counter[tuple[str, str]] = Counter()
    kept = list(rows)
    if by == "taxon":
        kept.sort(key=lambda row: by_names(row.taxon))
    for row in kept:
        names = prefixed(row.taxon)
        feature = ";".join(names) if by == "taxon" else row.feature
        check_same(feature, taxonomy.setdefault(feature, names), names)
        reads[feature, row.sample] += row.reads
    found |= dict.fromkeys(row.sample for row in kept)
    return FeatureTable(list(found), taxonomy, reads)


def check_same(feature: str, known: object, new: object) -> None:
    """Raise InputError if one feature has two taxa."""
    if known != new:
        raise InputError(
            f"the id {feature} is repeated with another taxon; ids of features must be unique"
        )


def table(rows: Iterable[Row], samples: Sequence[str] = (), by: str = "taxon") -> Iterator[str]:
    """Yield a TSV: ``feature_id``, a column for each sample, ``taxonomy``."""
    counted = features(rows, samples, by)
    yield "\t".join(["feature_id", *counted.samples, "taxonomy"]) + "\n"
    for feature, names in counted.taxonomy.items():
        reads = (str(counted.reads[feature, sample]) for sample in counted.samples)
        yield "\t".join([feature, *reads, "; ".join(names)]) + "\n"
