"""What the source files say of an index's records, other than the lineage used in the index.

BINs and countries are used to select and check records, and ids of taxa are shown by ``classify``.
Strands and lineages as given in the source make it possible to edit an index later, with the same
result as one build of all records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from barcodeembed.bundles.columns import Column, OptionalColumn
from barcodeembed.index.collect import Reference
from barcodeembed.taxonomy.ranks import Lineage
from barcodeembed.vocabulary import NA

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sources:
    """One value per record, or an empty sequence if no record has one."""

    bins: Sequence[str | None] = ()
    countries: Sequence[str | None] = ()
    reverse_complemented: Sequence[bool] = ()
    source_lineage: Sequence[Lineage | None] = ()
    taxon_ids: Sequence[str | None] = ()

    @classmethod
    def of(cls, references: Sequence[Reference]) -> Sources:
        return cls(
            _if_any([r.bin for r in references]),
            _if_any([r.country for r in references]),
            _if_any([r.reverse_complemented for r in references]),
            _if_any([r.source_lineage for r in references]),
            _if_any([r.taxon_id for r in references]),
        )

    def rows(self, count: int) -> Iterator[tuple]:
        """Yield the five values of ``count`` records, in the order of the fields."""
        columns = (
            *(self.bins, self.countries, self.reverse_complemented, self.source_lineage),
            self.taxon_ids,
        )
        return zip(*(column or [None] * count for column in columns), strict=True)

    def strands(self, count: int) -> Sequence[bool]:
        """Return whether each of ``count`` records was reverse-complemented."""
        return self.reverse_complemented or [False] * count

    def lineages(self) -> list[Lineage]:
        """Return the distinct source lineages, sorted."""
        found = {lineage for lineage in self.source_lineage if lineage}
        return sorted(found, key=lambda taxa: tuple(name or "" for name in taxa))

    def columns(self) -> dict[str, list[str]]:
        """Return the cells of a table of the records by column name, without empty columns."""
        row = {lineage: str(i) for i, lineage in enumerate(self.lineages())}
        cells = {
            "bin": [name or NA for name in self.bins],
            "country": [name or NA for name in self.countries],
            "strand": ["-" if is_reverse else "+" for is_reverse in self.reverse_complemented],
            "source_lineage": [row[lineage] if lineage else NA for lineage in self.source_lineage],
            "taxon_id": [taxon_id or NA for taxon_id in self.taxon_ids],
        }
        return {name: column for name, column in cells.items() if column}

    @classmethod
    def read(cls, columns: Mapping[str, Column], lineages: Sequence[Lineage]) -> Sources:
        """Read the cells that `columns` returned and the list that `lineages` returned."""

        def optional(name: str) -> Sequence[str | None]:
            return OptionalColumn(columns[name], NA) if name in columns else ()

        changed: list[Lineage | None] = []
        if "source_lineage" in columns:
            cells = columns["source_lineage"]
            changed = [None] * len(cells)
            for row in np.flatnonzero(~cells.equals(NA)).tolist():
                changed[row] = lineages[int(cells[row])]
        strands = columns["strand"].equals("-").tolist() if "strand" in columns else ()
        return cls(optional("bin"), optional("country"), strands, changed, optional("taxon_id"))


def _if_any(column: Sequence[T]) -> Sequence[T]:
    """Return a column, or an empty one if it has no value."""
    return column if any(column) else ()
