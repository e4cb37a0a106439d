"""From the tables of ``classify`` to the text of a report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

from barcodeembed.report.rows import Row, read_table
from barcodeembed.report.samples import found_by, sample_name, sample_names

if TYPE_CHECKING:
    import numpy as np

    from barcodeembed.report.references import References

#: Formats that have a column or a chart for each sample.
_BY_SAMPLE = ("biom", "table", "multiqc", "html")


@dataclass(slots=True, kw_only=True)
class Report:
    """A report of tables that ``classify`` wrote.

    Attributes:
        tables: Paths of the tables; ``-`` is standard input.
        to: The format, one of `vocabulary.REPORT_FORMATS`.
        sample_pattern: Regular expression with one group, which finds the sample in a query id. By
            default each table is one sample.
        by: What a row of biom and table is, ``taxon`` or ``query``.
        vectors: For html: one .npy file of vectors for each table, for the map.
        index: For html with vectors: the index that ``classify`` used. Its closest references are
            shown on the map.
        warn: Called with the text of each warning.
        queries: Number of rows that were read so far.
    """

    tables: Sequence[str]
    to: str
    sample_pattern: str | None = None
    by: str = "taxon"
    vectors: Sequence[str] = ()
    index: str | PathLike[str] | None = None
    warn: Callable[[str], None]
    queries: int = 0

    def _samples(self) -> list[str]:
        """Return the samples that the report must contain, even if they have no rows.

        Raises InputError if two tables would be the same sample.
        """
        if self.sample_pattern is not None or self.to not in _BY_SAMPLE:
            return []
        return sample_names(self.tables)

    def text(self) -> Iterator[str]:
        """Return the fragments of the text. Raises InputError if a table cannot be used."""
        # Only the module of the format is imported.
        module = "features" if self.to == "table" else self.to
        write = getattr(import_module(f"barcodeembed.report.{module}"), self.to)
        options: dict[str, Any] = {}
        if self.to in _BY_SAMPLE:
            options["samples"] = self._samples()
        if self.to in ("biom", "table"):
            options["by"] = self.by
        if self.to == "biom":
            options["date"] = datetime.now(UTC)
        if self.vectors:
            return self._with_map(write, options)
        return write(self._rows(), **options)

    def _rows(self) -> Iterator[Row]:
        for path in self.tables:
            before = self.queries
            for row in read_table(path, self._sample_finder(path)):
                self.queries += 1
                yield row
            if self.queries == before:
                self.warn(f"{path}: 0 records")

    def _sample_finder(self, path: str) -> Callable[[str], str | None]:
        if self.sample_pattern is not None:
            return found_by(re.compile(self.sample_pattern))
        name = sample_name(path)
        return lambda query_id: name

    def _with_map(
        self, write: Callable[..., Iterator[str]], options: dict[str, Any]
    ) -> Iterator[str]:
        from barcodeembed.report.projection import project, read_vectors

        rows = list(self._rows())
        queries = read_vectors(self.vectors, [row.query_id for row in rows])
        if self.index is None:
            return write(rows, projection=project(queries), **options)
        queries, references = self._surround(queries, rows, self.index)
        return write(
            rows, projection=project(queries, references.vectors), references=references, **options
        )

    def _surround(
        self, queries: np.ndarray, rows: Sequence[Row], index: str | PathLike[str]
    ) -> tuple[np.ndarray, References]:
        """Find the references to show; warn of queries that are far from theirs on the map."""
        from barcodeembed.index.bundle import ReferenceIndex
        from barcodeembed.report.references import surround

        found = surround(queries, rows, ReferenceIndex.open(index))
        reverse_complemented = sum(row.strand == "-" for row in rows)
        if reverse_complemented:
            self.warn(
                f"{reverse_complemented:,} queries are of the other strand, and `embed` does not "
                "reverse-complement them; on the map they are far from their references"
            )
        return found
