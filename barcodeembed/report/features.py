"""Features by samples: taxa or queries, the reads of each in each sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from barcodeembed.errors import InputError
from barcodeembed.report.lineages import by_names, prefixed
from barcodeembed.report.rows import Row

#: What a row of the table may be.
KINDS = ("taxon", "query")


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """``taxonomy`` gives each feature's prefixed names; ``reads`` counts by (feature, sample)."""

    samples: list[str]
    taxonomy: dict[str, list[str]]
    reads: Counter[tuple[str, str]]


def features(rows: Iterable[Row], samples: Sequence[str], by: str) -> FeatureTable:
    """Count the reads of each feature in each sample.

    Taxa are sorted by their lineage and called by it; queries come in their order. ``samples`` are
    there also if no row is of them, and others come after them. Raises InputError where a query's
    id stands for different taxa.
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
    """Raise InputError where one id stands for two taxa: a feature can have one only."""
    if known != new:
        raise InputError(
            f"the id {feature} comes again with another taxon; ids of features must be unique"
        )


def table(rows: Iterable[Row], samples: Sequence[str] = (), by: str = "taxon") -> Iterator[str]:
    """Yield a TSV: ``feature_id``, a column for each sample, ``taxonomy``."""
    counted = features(rows, samples, by)
    yield "\t".join(["feature_id", *counted.samples, "taxonomy"]) + "\n"
    for feature, names in counted.taxonomy.items():
        reads = (str(counted.reads[feature, sample]) for sample in counted.samples)
        yield "\t".join([feature, *reads, "; ".join(names)]) + "\n"
