"""What is known of a reference, besides its id and its lineage: its name, BIN and country."""

from __future__ import annotations

from typing import NamedTuple

from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.taxonomy.ranks import lowest


class ReferenceFacts(NamedTuple):
    """The lowest name of a reference, its BIN and its country; None if not known."""

    taxon: str | None
    bin: str | None
    country: str | None


def facts_of(index: ReferenceIndex, record: int) -> ReferenceFacts:
    """Return what an index knows of one of its records."""
    named = lowest(index.taxa.lineages[index.record_lineages[record]])
    bins, countries = index.sources.bins, index.sources.countries
    return ReferenceFacts(
        named[1] if named else None,
        bins[record] if bins else None,
        countries[record] if countries else None,
    )
