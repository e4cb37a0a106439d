"""Number the taxa of a reference, so that votes can be counted with arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.taxonomy.kingdoms import homonym_group
from barcodeembed.taxonomy.ranks import RANKS, Lineage

_KINGDOM, _GENUS = RANKS.index("kingdom"), RANKS.index("genus")


@dataclass(frozen=True, slots=True)
class Taxa:
    """The taxa of a reference.

    ``ranks`` are the ranks at which any lineage has a name, highest first. ``names[r]`` are the
    names at rank r in alphabetical order; homonyms in different kingdoms are separate entries.
    ``codes``, int32 (lineages, ranks), are indices into ``names``; -1 is a missing name.
    """

    lineages: tuple[Lineage, ...]
    ranks: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    codes: np.ndarray

    @property
    def above_genus(self) -> np.ndarray:
        """Which ranks are above the genus, bool (R,)."""
        return np.array([RANKS.index(rank) < _GENUS for rank in self.ranks], bool)

    @classmethod
    def of(cls, lineages: Sequence[Lineage]) -> Taxa:
        """Number the taxa of lineages, all of them distinct."""
        groups = [homonym_group(taxa) for taxa in lineages]
        used = [r for r in range(len(RANKS)) if any(taxa[r] for taxa in lineages)]
        codes = np.full((len(lineages), len(used)), -1, np.int32)
        names: list[tuple[str, ...]] = []
        for column, r in enumerate(used):
            keys = [
                (taxa[r], group if r != _KINGDOM else "") if taxa[r] else None
                for taxa, group in zip(lineages, groups, strict=True)
            ]
            distinct = sorted({key for key in keys if key})
            number = {key: i for i, key in enumerate(distinct)}
            codes[:, column] = [number[key] if key else -1 for key in keys]
            names.append(tuple(str(name) for name, _ in distinct))
        return cls(tuple(lineages), tuple(RANKS[r] for r in used), tuple(names), codes)
