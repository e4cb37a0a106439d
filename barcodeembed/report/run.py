"""From the tables of ``classify`` to the text of a report."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from barcodeembed.bundles.checks import reading
from barcodeembed.classify.samples import check_names, found_by, sample_name
from barcodeembed.errors import InputError
from barcodeembed.report.rows import Row, has_samples, read_table

if TYPE_CHECKING:
    import numpy as np

    from barcodeembed.report.references import References

#: Formats that have a column or a chart for each sample.
_BY_SAMPLE = ("biom", "table", "multiqc", "html", "dwc")

#: What a description of a run must have for the page.
_RUN_KEYS = frozenset(("barcodeembed", "index", "model", "confidence_threshold", "max_error"))

#: Units that are numbered in one run, so that the same name in another run is another unit.
_UNIT_OF_RUN = re.compile(r"novel_\d+")


@dataclass(slots=True, kw_only=True)
class Report:
    """A report of tables that ``classify`` wrote.

    Attributes:
        tables: Paths of the tables; ``-`` is standard input.
        to: The format, one of `vocabulary.REPORT_FORMATS`.
        sample_pattern: Regular expression with one group, which finds the sample in a query id. By
            default each table is one sample.
        by: What a row of biom and table is, ``taxon``, ``query`` or ``sequence``.
        ids: For dwc: a table of identifiers of taxa.
        reads: For dwc: sequence files, one for each sample, whose sequences are published.
        title: For dwc and html: a title.
        run: For html: the JSON that ``classify --json`` wrote.
        hits: For html: the table that ``classify --hits`` wrote.
        exclude: Flags; rows that have one of them are left out.
        vectors: For html: one .npy file of vectors for each table, for the map.
        index: For html with vectors: the index that ``classify`` used. Its closest references are
            shown on the map.
        warn: Called with the text of each warning.
        queries: Number of rows that were read so far.
        excluded: Number of rows that were left out so far.
    """

    tables: Sequence[str]
    to: str
    sample_pattern: str | None = None
    by: str = "taxon"
    vectors: Sequence[str] = ()
    index: str | PathLike[str] | None = None
    ids: str | PathLike[str] | None = None
    reads: Sequence[str] = ()
    title: str | None = None
    run: str | PathLike[str] | None = None
    hits: str | PathLike[str] | None = None
    exclude: Sequence[str] = ()
    warn: Callable[[str], None]
    queries: int = 0
    excluded: int = 0
    _totals: Counter[str] = field(default_factory=Counter)
    _sampled: set[str] = field(default_factory=set)
    _units_of: str | None = None

    def text(self) -> Iterator[str]:
        """Return the fragments of the text. Raises InputError if a table cannot be used."""
        # Only the module of the format is imported.
        module = "features" if self.to == "table" else self.to
        write = getattr(import_module(f"barcodeembed.report.{module}"), self.to)
        options: dict[str, Any] = {}
        rows = self._rows()
        if self.to in _BY_SAMPLE:
            rows = iter(list(rows))  # the samples are known when all rows are
            options["samples"] = self._samples()
        if self.to in ("biom", "table"):
            options["by"] = self.by
        if self.to == "biom":
            options["date"] = datetime.now(UTC)
        if self.to == "html":
            options |= {"title": self.title, "run": self._described_run()}
            if self.hits:
                rows = iter(kept := list(rows))
                options["hits"] = self._hits(kept)
        if self.vectors:
            return self._with_map(write, list(rows), options)
        return write(rows, **options)

    def _hits(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the hits of the rows, and trees if there is an index."""
        from barcodeembed.index.bundle import ReferenceIndex
        from barcodeembed.report.hits import hits_data, read_hits

        assert self.hits is not None
        index = ReferenceIndex.open(self.index) if self.index else None
        return hits_data(rows, read_hits(self.hits), index)

    def _described_run(self) -> dict[str, Any] | None:
        """Return what ``classify --json`` wrote. Raises InputError if it is something else."""
        if self.run is None:
            return None
        try:
            run = json.loads(Path(self.run).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"cannot be read as JSON: {error}", self.run) from None
        if not isinstance(run, dict) or not _RUN_KEYS <= run.keys():
            raise InputError("not a description of a run by `classify --json`", self.run)
        from barcodeembed.report.html import described

        with reading(Path(self.run)):  # its values can have been edited
            described(run)
        return run

    def table(self) -> Report:
        """Return a report of the same rows as a table; it warns of nothing again."""
        return Report(
            tables=self.tables,
            to="table",
            sample_pattern=self.sample_pattern,
            by=self.by,
            exclude=self.exclude,
            warn=lambda text: None,
        )

    def archive(self) -> dict[str, str]:
        """Return the files of a Darwin Core archive. Raises InputError as `text` does."""
        from barcodeembed.report.dwc import dwc
        from barcodeembed.taxonomy.identifiers import read_ids

        rows = list(self._rows())
        return dwc(
            rows,
            self._totals,
            ids=read_ids(self.ids) if self.ids else None,
            sequences=self._sequences(rows) if self.reads else None,
            title=self.title or "DNA barcodes",
            date=datetime.now(UTC),
        )

    def _sequences(self, rows: Sequence[Row]) -> dict[tuple[str, str], str]:
        """Return the sequences of the rows, in the orientation of the references."""
        from barcodeembed.sequences.cleaning import normalise, reverse_complement
        from barcodeembed.sequences.reading import read_records

        strands = {(row.sample, row.query_id): row.strand for row in rows}
        found: dict[tuple[str, str], str] = {}
        for path in self.reads:
            of_file = {sample_name(path)} if len(self.reads) > 1 else {s for s, _ in strands}
            for record in read_records(path):
                for key in ((sample, record.id) for sample in of_file):
                    if key in strands:
                        bases = normalise(record.sequence)
                        found[key] = reverse_complement(bases) if strands[key] == "-" else bases
        if missing := len(strands) - len(found):
            self.warn(f"--reads: {missing:,} of {len(strands):,} queries have no sequence there")
        return found

    def _samples(self) -> list[str]:
        """Return the samples that the report must contain, even if they have no rows.

        A table with a column of samples has those of its rows. Every other table is one sample.
        """
        paths = [path for path in self.tables if path not in self._sampled]
        return [] if self.sample_pattern is not None else [sample_name(path) for path in paths]

    def _rows(self) -> Iterator[Row]:
        if self.sample_pattern is None and self.to in _BY_SAMPLE:
            names = [sample_name(path) for path in self.tables]
            check_names(names, self.tables, "rename one, or give --sample-pattern")
        left_out = frozenset(self.exclude)
        absent = set(left_out)
        for path in self.tables:
            before = self.queries
            for row in self._read(path):
                self.queries += 1
                self._totals[row.sample] += row.reads
                if row.has_flag(left_out):
                    self.excluded += 1
                    absent -= set((row.flags or "").split(";"))
                else:
                    yield row
            if self.queries == before:
                self.warn(f"{path}: 0 records")
        if absent:
            self.warn(f"--exclude-flags: no row has the flag {', '.join(sorted(absent))}")

    def _read(self, path: str) -> Iterator[Row]:
        """Yield the rows of a table; raise InputError if its units are of another run."""

        def note(header: list[str]) -> None:
            if has_samples(header):
                self._sampled.add(path)

        rows = read_table(
            path,
            self._sample_finder(path),
            by_sample=self.to in _BY_SAMPLE,
            header_read=note,
        )
        for row in rows:
            if row.unit and _UNIT_OF_RUN.fullmatch(row.unit):
                self._units_of = self._units_of or path
                if self._units_of != path:
                    raise InputError(
                        f"{self._units_of} and {path} have units ({row.unit}) of separate runs, "
                        "with the same names for different units; classify the samples in one run, "
                        "or each with the same --units FILE"
                    )
            yield row

    def _sample_finder(self, path: str) -> Callable[[str], str | None]:
        if self.sample_pattern is not None:
            return found_by(re.compile(self.sample_pattern))
        name = sample_name(path)
        return lambda query_id: name

    def _with_map(
        self, write: Callable[..., Iterator[str]], rows: list[Row], options: dict[str, Any]
    ) -> Iterator[str]:
        from barcodeembed.report.projection import project, read_vectors

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

        queries, references = surround(queries, rows, ReferenceIndex.open(index))
        if references.unoriented:
            self.warn(
                f"{references.unoriented:,} queries are of the other strand, and were embedded as "
                "they are; on the map they are far from their references; embed with --orient"
            )
        return queries, references
