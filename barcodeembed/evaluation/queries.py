"""Labelled queries, sorted by the lowest rank at which the reference has their taxon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.errors import InputError
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.references import LabelledRecord
from barcodeembed.taxonomy.taxa import Taxa

#: Category -> the highest rank at which the taxon of its queries is not in the reference; None if
#: the reference has the taxa of all ranks at which its queries have a name.
CATEGORIES = {
    "seen": None,
    "seen genus": None,
    "unseen species": "species",
    "unseen genus": "genus",
}

#: The categories of queries that are not new.
SEEN = tuple(category for category, rank in CATEGORIES.items() if rank is None)

OTHER = "other"

_FAMILY, _GENUS, _SPECIES = map(RANKS.index, ("family", "genus", "species"))


@dataclass(frozen=True, slots=True)
class LabelledQueries:
    """Queries with their true lineages and their categories, all in the same order."""

    records: Sequence[SequenceRecord]
    lineages: Sequence[Lineage]
    categories: Sequence[str]

    def __len__(self) -> int:
        return len(self.records)


def sort_queries(
    labelled: Iterable[LabelledRecord], taxa: Taxa, *, sample: int | None = None, seed: int = 0
) -> LabelledQueries:
    """Read queries and assign each one to a category.

    ``seen``: the reference has the species of the query. ``seen genus``: it has the genus, and the
    query has no species. ``unseen species``: it has the genus, but not the species. ``unseen
    genus``: it has the family, but not the genus. ``other``: it has none of these, or the query has
    no names at these ranks. ``taxa`` are those of the reference.
    ``sample`` is the largest number of queries of each category; they are drawn with the seed.
    Raises InputError if there are no queries.
    """
    in_reference = [{lineage[r] for lineage in taxa.lineages} for r in range(len(RANKS))]
    pairs = list(labelled)
    categories = [_category(lineage, in_reference) for _, lineage in pairs]
    chosen = np.arange(len(pairs))
    if sample is not None:
        drawn = np.random.default_rng(seed).permutation(len(pairs))
        of = np.array(categories)
        chosen = np.sort(
            np.concatenate(
                [drawn[of[drawn] == category][:sample] for category in (*CATEGORIES, OTHER)]
            )
        )
    if not len(chosen):
        raise InputError("the query files contain no records, so there is nothing to evaluate")
    return LabelledQueries(
        [pairs[i][0] for i in chosen],
        [pairs[i][1] for i in chosen],
        [categories[i] for i in chosen],
    )


def _category(lineage: Lineage, in_reference: Sequence[set[str | None]]) -> str:
    def has(r: int) -> bool:
        return lineage[r] is not None and lineage[r] in in_reference[r]

    if has(_SPECIES):
        return "seen"
    if has(_GENUS):
        return "unseen species" if lineage[_SPECIES] else "seen genus"
    if lineage[_GENUS] and has(_FAMILY):
        return "unseen genus"
    return OTHER
