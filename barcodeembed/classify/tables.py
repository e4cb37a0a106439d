"""Write the tables of ``classify`` while queries are being classified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import IO

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.columns import IN_CONTROL, Column, Controls
from barcodeembed.classify.novel_units import NovelUnits
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.rows import hit_rows, row
from barcodeembed.classify.samples import Answer
from barcodeembed.classify.unit_registry import UnitRegistry, is_artefact
from barcodeembed.vocabulary import HIT_COLUMNS, NA, NOVEL_UNIT, SAMPLE, columns


def write_tables(
    answers: Iterable[Answer],
    classifier: Classifier,
    table: IO[str],
    hit_table: IO[str] | None = None,
    *,
    more: Sequence[Column] = (),
    cluster_novel: bool = False,
    controls: Controls | None = None,
    registry: UnitRegistry | None = None,
    resumed: bool = False,
) -> Iterator[Assignment]:
    """Write the row of each answer, and the rows of its hits, then yield the assignment.

    ``more`` are columns after those of every run. With ``cluster_novel`` or ``controls`` the rows
    are written after the last query, because only then are the units and controls known. Units get
    their names from the ``registry``, if there is one; it is not saved. Tables of a ``resumed`` run
    have their headers already.
    """
    ranks = classifier.ranks
    header = [*columns(ranks), *(column.name for column in more)]
    sampled = SAMPLE in header
    late = _LateCells(classifier, header.index("flags"), cluster_novel, controls, registry)
    # Before the first answer, the input can turn out to be unreadable: then there is no header.
    answers = iter(answers)
    first = list(islice(answers, 1))
    if not resumed:
        _write([*header, *[NOVEL_UNIT] * cluster_novel], table)
    if hit_table and not resumed:
        _write([*HIT_COLUMNS, *[SAMPLE] * sampled], hit_table)
    for answer in chain(first, answers):
        cells = row(answer.assignment, ranks)
        cells += [column.cell(answer) or NA for column in more]
        if late.needed:
            late.add(answer, cells)
        else:
            _write(cells, table)
        if hit_table:
            for hit in hit_rows(answer.assignment, classifier):
                _write([*hit, *[answer.sample or NA] * sampled], hit_table)
        yield answer.assignment
    for cells in late.rows():
        _write(cells, table)


class _LateCells:
    """Keeps rows until the units of novel queries, and what occurs in controls, are known."""

    def __init__(
        self,
        classifier: Classifier,
        flags: int,
        cluster_novel: bool,
        controls: Controls | None,
        registry: UnitRegistry | None,
    ) -> None:
        self._classifier, self._flags, self._controls = classifier, flags, controls
        self._registry = registry
        self._novel: dict[int, Assignment] = {}
        self._units = NovelUnits() if cluster_novel else None
        #: Units of each other marker, and the numbers of the rows of its queries.
        self._others: dict[str | None, tuple[NovelUnits, list[int]]] = {}
        self._rows: list[list[str]] = []
        self._keys: list[str] = []
        self.needed = cluster_novel or controls is not None

    def add(self, answer: Answer, cells: list[str]) -> None:
        marker = answer.assignment.marker
        own = self._classifier.of(marker) is self._classifier
        if self._registry and own and answer.assignment.status == "novel":
            self._novel[len(self._rows)] = answer.assignment
        if self._units is not None:
            grouped = own and not (self._registry and is_artefact(answer.assignment))
            self._units.add(answer.assignment if grouped else None)
            if not own:
                units, rows = self._others.setdefault(marker, (NovelUnits(), []))
                units.add(answer.assignment)
                rows.append(len(self._rows))
        self._rows.append(cells)
        if self._controls:
            self._keys.append(self._controls.add(answer))

    def rows(self) -> Iterator[list[str]]:
        """Yield the complete rows, in order."""
        if self._controls:
            for cells, key in zip(self._rows, self._keys, strict=True):
                if key in self._controls:
                    flags = cells[self._flags]
                    cells[self._flags] = IN_CONTROL if flags == NA else f"{flags};{IN_CONTROL}"
        if self._units is not None:
            for cells, unit in zip(self._rows, self._unit_names(self._units), strict=True):
                cells.append(unit or NA)
        yield from self._rows

    def _unit_names(self, units: NovelUnits) -> list[str | None]:
        """Return the unit of each row. Those of other markers have its name: novel_ITS2_0001."""
        if self._registry:
            names = self._registry.name(units, self._novel, self._classifier)
        else:
            names = units.names(self._classifier.index)
        for marker, (others, rows) in self._others.items():
            index = self._classifier.of(marker).index
            for row_number, name in zip(rows, others.names(index), strict=True):
                names[row_number] = name and name.replace("novel_", f"novel_{marker}_")
        return names


def _write(cells: Iterable[str], table: IO[str]) -> None:
    print(*cells, sep="\t", file=table)
