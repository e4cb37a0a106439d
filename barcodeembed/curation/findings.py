"""A finding: records whose name is contradicted, and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.scoring.identity import percent_identity
from barcodeembed.vectors.search import DECIMALS

KINDS = ("mislabelled", "shared_barcode", "bin_discordance")

COLUMNS = (
    "kind",
    "record_ids",
    "rank",
    "name",
    "other_name",
    "within",
    "neighbours",
    "agreeing",
    "share",
    "similarity",
    "identity",
    "own_similarity",
    "own_identity",
    "strength",
)


@dataclass(frozen=True, slots=True)
class Nearest:
    """The most similar of some references: cosine and percent identity."""

    similarity: float
    identity: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Records that bear ``name`` at ``rank`` where ``agreeing`` of ``neighbours`` have another.

    ``within`` is what they share where that is no neighbourhood: a barcode (by its first record),
    a BIN or a species. ``other`` and ``own`` are the nearest reference of the other name and of the
    records' own; None where there is none.
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
    def share(self) -> float:
        return self.agreeing / self.neighbours

    @property
    def strength(self) -> float:
        """The share as if one more neighbour disagreed, so that few count less than many."""
        return self.agreeing / (self.neighbours + 1)

    def row(self) -> list[str]:
        """Return the cells of COLUMNS."""
        return [
            self.kind,
            ";".join(self.records),
            self.rank,
            self.name,
            self.other_name,
            self.within or "NA",
            str(self.neighbours),
            str(self.agreeing),
            f"{self.share:.4f}",
            *_cells(self.other),
            *_cells(self.own),
            f"{self.strength:.4f}",
        ]


def nearest_of(index: ReferenceIndex, from_: Iterable[int], to: Iterable[int]) -> Nearest | None:
    """Return the most similar pair of two sets of reference vectors; None where one is empty."""
    rows, columns = np.unique(list(from_)), np.unique(list(to))
    if not len(rows) or not len(columns):
        return None
    similarities = np.round(
        np.einsum("md,nd->mn", index.vectors[rows], index.vectors[columns], dtype=np.float64),
        DECIMALS,
    )
    i, j = np.unravel_index(similarities.argmax(), similarities.shape)
    sequences = index.sequences
    identity = percent_identity(sequences[int(rows[i])], sequences[int(columns[j])])
    return Nearest(float(similarities[i, j]), identity)


def _cells(nearest: Nearest | None) -> list[str]:
    return (
        ["NA", "NA"]
        if nearest is None
        else [f"{nearest.similarity:.4f}", f"{nearest.identity:.2f}"]
    )
