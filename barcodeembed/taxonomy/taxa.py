"""Taxa as numbers: the form in which votes are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.taxonomy.ranks import RANKS, Lineage

_PHYLUM = RANKS.index("phylum")


@dataclass(frozen=True, slots=True)
class Taxa:
    """The taxa of a reference.

    ``ranks`` are those at which it names anything, highest first. ``names[r]`` are the names at
    rank r in alphabetical order, homonyms of different phyla apart, and ``codes`` int32
    (lineages, ranks) points into them; -1 is unknown.
    """

    lineages: tuple[Lineage, ...]
    ranks: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    codes: np.ndarray

    @classmethod
    def of(cls, lineages: Sequence[Lineage]) -> Taxa:
        """Number the taxa of distinct lineages."""
        used = [r for r in range(len(RANKS)) if any(taxa[r] for taxa in lineages)]
        codes = np.full((len(lineages), len(used)), -1, np.int32)
        names: list[tuple[str, ...]] = []
        for column, r in enumerate(used):
            keys = [(taxa[r], taxa[_PHYLUM] or "") if taxa[r] else None for taxa in lineages]
            distinct = sorted({key for key in keys if key})
            number = {key: i for i, key in enumerate(distinct)}
            codes[:, column] = [number[key] if key else -1 for key in keys]
            names.append(tuple(str(name) for name, _ in distinct))
        return cls(tuple(lineages), tuple(RANKS[r] for r in used), tuple(names), codes)
