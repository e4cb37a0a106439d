"""A registry of novel units: a file in which they keep their names from run to run.

Each unit has a founder, the sequence that it was found by. A novel query that is similar enough to
the founder of a known unit belongs to it. The others are grouped as without a registry, and their
units get new names at the end of the file. Likely chimeras and pseudogenes get no unit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from barcodeembed.bundles.files import open_output
from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.novel_units import NovelUnits
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.quality import CHIMERA, PSEUDOGENE
from barcodeembed.errors import InputError
from barcodeembed.sequences.lines import open_lines, refuse_control
from barcodeembed.sequences.tables import read_rows
from barcodeembed.vocabulary import NA

#: The prefix of the names of units in one run, which a registry must not have.
_OF_RUN = "novel"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: where its founder was placed in the run that found it, and the founder's bases."""

    novel_unit: str
    novel_rank: str
    rank: str
    taxon: str
    nearest_id: str
    nearest_taxon: str
    identity: str
    sequence: str


COLUMNS = tuple(field.name for field in fields(Unit))


def is_artefact(assignment: Assignment) -> bool:
    """Return whether a query is probably no barcode of one organism.

    >>> is_artefact(Assignment("q", "novel", 313, ("stop_codon", "pseudogene")))
    True
    """
    return not {CHIMERA, PSEUDOGENE}.isdisjoint(assignment.flags)


class UnitRegistry:
    """The units of a file, and those that a run adds to them."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the file. Raises InputError if it is no registry; it need not exist."""
        self.path = Path(path)
        stem = re.sub("[^A-Za-z0-9]+", "_", self.path.name.partition(".")[0]).strip("_")
        self._prefix = stem if stem and stem != _OF_RUN else "unit"
        self.units = list(_read(self.path)) if self.path.exists() else []
        self.known = len(self.units)
        names = {unit.novel_unit for unit in self.units}
        if len(names) < self.known or len({u.sequence for u in self.units}) < self.known:
            raise InputError("a unit or a sequence occurs twice", self.path)
        self._names = names

    def name(
        self, units: NovelUnits, assignments: dict[int, Assignment], classifier: Classifier
    ) -> list[str | None]:
        """Return the unit of each query of a run, in order, and add the new ones.

        ``assignments`` are those of the novel queries, by their number in the run.
        """
        known = {unit.sequence: unit.novel_unit for unit in self.units}

        def name_of(founder: str, row: int) -> str:
            # The founder itself may be a later query of the unit; the placement is the first one's.
            return known.get(founder) or self._add(founder, assignments[row])

        vectors = np.zeros((0, classifier.index.vectors.shape[1]), np.float32)
        if known:
            vectors = classifier.vectors(list(known))
            vectors[~np.isfinite(vectors).all(1)] = 0.0  # of another model: similar to nothing
        return units.names_by_founder(classifier.index, list(known), vectors, name_of)

    def _add(self, founder: str, a: Assignment) -> str:
        number = len(self.units) + 1
        while (name := f"{self._prefix}_{number:04d}") in self._names:
            number += 1
        self._names.add(name)
        identity = None if a.identity is None else f"{a.identity:.4f}"
        cells = (a.novel_rank, a.rank, a.taxon, a.nearest_id, a.nearest_taxon, identity)
        self.units.append(Unit(*[name, *(cell or NA for cell in cells), founder]))
        return name

    def save(self) -> None:
        """Write the file, if there are new units or there was no file."""
        if len(self.units) > self.known or not self.path.exists():
            with open_output(self.path) as stream:
                for cells in (COLUMNS, *map(astuple, self.units)):
                    print(*cells, sep="\t", file=stream)


def _read(path: Path) -> Iterable[Unit]:
    with open_lines(path) as (lines, _):
        header, rows = read_rows(lines)
        if missing := [name for name in COLUMNS if name not in header]:
            raise InputError(
                f"not a registry of units made by `barcodeembed classify --units`: it has no "
                f"column {missing[0]}",
                lines.path,
            )
        for line, cells in rows:
            if not re.fullmatch("[A-Z]+", cells["sequence"]) or not cells["novel_unit"]:
                raise InputError("a unit without a name or a sequence", lines.path, line)
            for cell in cells.values():
                refuse_control(cell, "the cell", lines.path, line)
            yield Unit(*(cells[name] for name in COLUMNS))
