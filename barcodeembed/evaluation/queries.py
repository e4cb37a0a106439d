"""Labelled queries, sorted by what of them the reference knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.errors import InputError
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.references import LabelledRecord
from barcodeembed.taxonomy.taxa import Taxa

#: Category -> the rank at which its queries are new to the reference; None for closed world.
CATEGORIES = {"seen": None, "unseen species": "species", "unseen genus": "genus"}

OTHER = "other"

_FAMILY, _GENUS, _SPECIES = map(RANKS.index, ("family", "genus", "species"))


@dataclass(frozen=True, slots=True)
class LabelledQueries:
    """Queries with their true lineages and their categories, in one order."""

    records: Sequence[SequenceRecord]
    lineages: Sequence[Lineage]
    categories: Sequence[str]

    def __len__(self) -> int:
        return len(self.records)


def sort_queries(
    labelled: Iterable[LabelledRecord], taxa: Taxa, *, sample: int | None = None, seed: int = 0
) -> LabelledQueries:
    """Read queries and tell each one's category: by the ranks of it that the reference has.

    ``seen``: its species; ``unseen species``: not its species but its genus; ``unseen genus``:
    not its genus but its family; ``other``: none of these, or not named so far down. ``sample``
    takes at most so many of each category, drawn with the seed. Raises InputError where there
    are none.
    """
    known = [{lineage[r] for lineage in taxa.lineages} for r in range(len(RANKS))]
    records, lineages = zip(*labelled, strict=True) if (labelled := list(labelled)) else ((), ())
    categories = [_category(lineage, known) for lineage in lineages]
    chosen = np.arange(len(records))
    if sample is not None:
        drawn = np.random.default_rng(seed).permutation(len(records))
        of = np.array(categories)
        chosen = np.sort(
            np.concatenate(
                [drawn[of[drawn] == category][:sample] for category in (*CATEGORIES, OTHER)]
            )
        )
    if not len(chosen):
        raise InputError("no labelled query: nothing can be evaluated")
    return LabelledQueries(
        [records[i] for i in chosen],
        [lineages[i] for i in chosen],
        [categories[i] for i in chosen],
    )


def _category(lineage: Lineage, known: Sequence[set]) -> str:
    def has(r: int) -> bool:
        return lineage[r] is not None and lineage[r] in known[r]

    if has(_SPECIES):
        return "seen"
    if lineage[_SPECIES] and has(_GENUS):
        return "unseen species"
    if lineage[_GENUS] and not has(_GENUS) and has(_FAMILY):
        return "unseen genus"
    return OTHER
