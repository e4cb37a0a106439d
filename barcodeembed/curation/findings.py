"""A finding: records whose name other records contradict, and how strongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.scoring.identity import percent_identity
from barcodeembed.vectors.search import DECIMALS
from barcodeembed.vocabulary import NA

KINDS = ("contaminant", "mislabelled", "shared_barcode", "bin_discordance")

#: Columns of the table, and the number of decimals of those that are fractions or percentages.
COLUMNS = (
    "kind",
    "record_ids",
    "rank",
    "name",
    "other_name",
    "within",
    "neighbours",
    "agreeing",
    "agreement",
    "similarity",
    "identity",
    "own_similarity",
    "own_identity",
    "strength",
)
_DECIMALS = {name: 4 for name in ("agreement", "similarity", "own_similarity", "strength")}
_DECIMALS |= {"identity": 2, "own_identity": 2}

#: Vectors that are read, and pairs that are compared at a time.
_ROWS_AT_ONCE, _PAIRS_AT_ONCE = 1 << 14, 1 << 22

#: More than two similarities in single precision are wrong by.
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class Nearest:
    """The most similar of some references: cosine similarity and percent identity."""

    similarity: float
    identity: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Records with ``name`` at ``rank``, of whose ``neighbours`` ``agreeing`` have another name.

    A ``contaminant`` is recognised without neighbours, which are 0. ``other_name`` says what it is.

    ``kind`` is of KINDS. ``within`` is what records and neighbours share: a barcode (given as its
    first record), a BIN or a species; None for ``mislabelled``. ``other`` is the closest reference
    with ``other_name``, ``own`` the closest other reference with ``name``; None if there is none.
    """

    kind: str
    records: tuple[str, ...]
    rank: str
    name: str
    other_name: str
    within: str | None
    neighbours: int
    agreeing: int
    other: Nearest | None
    own: Nearest | None

    @property
    def agreement(self) -> float | None:
        """The fraction of the neighbours that agree on the other name; None without neighbours."""
        return self.agreeing / self.neighbours if self.neighbours else None

    @property
    def strength(self) -> float:
        """The agreement with one more neighbour that disagrees: few neighbours count less.

        It is 1 for a contaminant.
        """
        return self.agreeing / (self.neighbours + 1) if self.neighbours else 1.0

    def values(self) -> Mapping[str, str | int | float | None]:
        """Return the values of COLUMNS by name."""
        return {
            "kind": self.kind,
            "record_ids": ";".join(self.records),
            "rank": self.rank,
            "name": self.name,
            "other_name": self.other_name,
            "within": self.within,
            "neighbours": self.neighbours,
            "agreeing": self.agreeing,
            "agreement": self.agreement,
            "similarity": self.other.similarity if self.other else None,
            "identity": self.other.identity if self.other else None,
            "own_similarity": self.own.similarity if self.own else None,
            "own_identity": self.own.identity if self.own else None,
            "strength": self.strength,
        }

    def row(self) -> list[str]:
        """Return the values of COLUMNS as text; a missing value is NA."""
        return [_cell(name, value) for name, value in self.values().items()]


def nearest_pair(
    index: ReferenceIndex, some: Sequence[int] | np.ndarray, others: Sequence[int] | np.ndarray
) -> Nearest | None:
    """Return the most similar pair between two sets of vectors; None if one set is empty.

    The index must contain sequences.
    """
    rows, columns = np.unique(some), np.unique(others)
    if not len(rows) or not len(columns) or index.sequences is None:
        return None
    i, j, similarity = _most_similar(index.vectors, rows, columns)
    return Nearest(similarity, percent_identity(index.sequences[i], index.sequences[j]))


def _most_similar(
    vectors: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[int, int, float]:
    """Return a row and a column of the highest similarity, the first of equal ones, and this.

    Single precision finds the pairs that can be the first, and double precision compares these.
    """
    found_i, found_j, values = [], [], []
    highest = -np.inf
    step = min(_ROWS_AT_ONCE, max(1, _PAIRS_AT_ONCE // len(rows)))
    asked = vectors[rows]
    for start in range(0, len(columns), step):
        part = columns[start : start + step]
        similarities = asked @ vectors[part].T
        highest = max(highest, float(similarities.max()))
        i, j = np.nonzero(similarities >= highest - _ROUNDING)
        found_i.append(rows[i])
        found_j.append(part[j])
        values.append(similarities[i, j])
    near = np.concatenate(values) >= highest - _ROUNDING
    i, j = np.concatenate(found_i)[near], np.concatenate(found_j)[near]
    exact = np.round(np.einsum("pd,pd->p", vectors[i], vectors[j], dtype=np.float64), DECIMALS)
    first = np.lexsort((j, i, -exact))[0]
    return int(i[first]), int(j[first]), float(exact[first])


def _cell(name: str, value: str | int | float | None) -> str:
    if value is None or value == "":
        return NA
    return f"{value:.{_DECIMALS[name]}f}" if name in _DECIMALS else str(value)
