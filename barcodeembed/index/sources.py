"""What the sources of an index's records said of them beyond the name that they bear in it.

BINs and countries choose and check records. Lineages before they were settled, and strands before
they were reverse_complemented, let an index be changed later as if all of its records had been there at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from barcodeembed.index.collect import Reference
from barcodeembed.taxonomy.ranks import Lineage
from barcodeembed.vocabulary import NA


@dataclass(frozen=True, slots=True)
class Sources:
    """One value per record, or an empty tuple where no record has one."""

    bins: Sequence[str | None] = ()
    countries: Sequence[str | None] = ()
    reverse_complemented: Sequence[bool] = ()
    source_lineage: Sequence[Lineage | None] = ()

    @classmethod
    def of(cls, references: Sequence[Reference]) -> Sources:
        columns = (
            [r.bin for r in references],
            [r.country for r in references],
            [r.reverse_complemented for r in references],
            [r.source_lineage for r in references],
        )
        return cls(*(column if any(column) else () for column in columns))

    def rows(self, count: int) -> Iterator[tuple]:
        """Yield BIN, country, whether reverse_complemented, and lineage source_lineage, of each of ``count`` records."""
        columns = (self.bins, self.countries, self.reverse_complemented, self.source_lineage)
        return zip(*(column or [None] * count for column in columns), strict=True)

    def lineages(self) -> list[Lineage]:
        """Return the distinct lineages that were stated and settled otherwise, sorted."""
        found = {lineage for lineage in self.source_lineage if lineage}
        return sorted(found, key=lambda taxa: tuple(name or "" for name in taxa))

    def columns(self) -> dict[str, list[str]]:
        """Return the cells of a table of the records by column; of no column where none says."""
        row = {lineage: str(i) for i, lineage in enumerate(self.lineages())}
        cells = {
            "bin": [name or NA for name in self.bins],
            "country": [name or NA for name in self.countries],
            "strand": ["-" if turned else "+" for turned in self.reverse_complemented],
            "source_lineage": [row[lineage] if lineage else NA for lineage in self.source_lineage],
        }
        return {name: column for name, column in cells.items() if column}

    @classmethod
    def read(cls, columns: dict[str, Sequence[str]], lineages: Sequence[Lineage]) -> Sources:
        """Return what `columns` gave; ``lineages`` are those of `lineages`."""
        names = (
            [None if cell == NA else cell for cell in columns.get(name, ())]
            for name in ("bin", "country")
        )
        return cls(
            *names,
            [cell == "-" for cell in columns.get("strand", ())],
            [
                None if cell == NA else lineages[int(cell)]
                for cell in columns.get("source_lineage", ())
            ],
        )
