"""Read the rows of a table of ``classify``, from which every report is made."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from barcodeembed.errors import InputError
from barcodeembed.sequences.lines import Lines, open_lines
from barcodeembed.sequences.tables import read_rows
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.vocabulary import NA, NOVEL_UNIT, STATUSES

#: Required columns, in addition to one or more ranks. Newer columns are optional.
REQUIRED = (
    "query_id",
    "status",
    "novel_rank",
    "rank",
    "taxon",
    "confidence",
    "nearest_id",
    "similarity",
    "identity",
    "strand",
    "length",
    "flags",
)
_SIZE = re.compile(r"(?:^|;)size=(\d+)(?=;|$)")


@dataclass(frozen=True, slots=True)
class Row:
    """One query: its row, its sample, and the number of reads that it stands for.

    ``names`` and ``confidences`` are those in the table, for all of RANKS. ``placement`` has only
    the names down to ``rank``: a table can show best guesses below it.
    """

    query_id: str
    sample: str
    reads: int
    status: str
    novel_rank: str | None
    rank: str | None
    placement: Lineage
    names: Lineage
    confidences: tuple[float | None, ...]
    confidence: float | None
    nearest_id: str | None
    similarity: float | None
    identity: float | None
    strand: str | None
    length: int
    flags: str | None
    unit: str | None

    @property
    def taxon(self) -> Lineage:
        """The taxon that the query counts for: its placement, with its unit at the novel rank.

        A unit that is novel at subfamily is at rank genus, because many formats lack subfamily.
        """
        if not self.unit or not self.novel_rank:
            return self.placement
        at = RANKS.index("genus" if self.novel_rank == "subfamily" else self.novel_rank)
        return (*self.placement[:at], self.unit, *self.placement[at + 1 :])

    @property
    def feature(self) -> str:
        """The id without the abundance, for feature tables."""
        return _SIZE.sub("", self.query_id).strip(";") or self.query_id


def read_table(
    source: str | os.PathLike[str], sample_of: Callable[[str], str | None]
) -> Iterator[Row]:
    """Yield the rows of a table that ``classify`` wrote, plain or compressed, or ``-``.

    ``sample_of`` returns the sample of a query id. Raises InputError if a required column is
    missing, or if a row is damaged or has no sample.
    """
    with open_lines(source) as (lines, _):
        header, rows = read_rows(lines, as_written=True)
        missing = next((name for name in REQUIRED if name not in header), None)
        if not missing and not any(rank in header for rank in RANKS):
            missing = " or ".join(RANKS)
        if missing:
            raise InputError(
                f"not a table of `barcodeembed classify`: it has no column {missing}", lines.path
            )
        for number, cells in rows:
            yield _row(cells, _Place(lines, number, cells["query_id"]), sample_of)


@dataclass(frozen=True, slots=True)
class _Place:
    """The location of a row, for errors."""

    lines: Lines
    line: int
    query: str

    def error(self, message: str) -> InputError:
        return InputError(message, self.lines.path, self.line, self.query)


def _row(cells: dict[str, str], place: _Place, sample_of: Callable[[str], str | None]) -> Row:
    known = {name: None if cell == NA else cell for name, cell in cells.items()}
    for name, words in (("status", STATUSES), ("rank", RANKS), ("novel_rank", RANKS)):
        if known[name] not in words and (name == "status" or known[name] is not None):
            raise place.error(f"{cells[name]!r} in the column {name} is not a {name}")
    names = tuple(known.get(rank) for rank in RANKS)
    sample = sample_of(cells["query_id"])
    if sample is None:
        raise place.error("--sample-pattern finds no sample in this id")
    size = _SIZE.search(cells["query_id"])
    return Row(
        query_id=cells["query_id"],
        sample=sample,
        reads=int(size[1]) if size else 1,
        status=cells["status"],
        novel_rank=known["novel_rank"],
        rank=known["rank"],
        placement=_placement(names, known["rank"], known["taxon"]),
        names=names,
        confidences=tuple(_number(known, f"{rank}_confidence", place) for rank in RANKS),
        confidence=_number(known, "confidence", place),
        nearest_id=known["nearest_id"],
        similarity=_number(known, "similarity", place),
        identity=_number(known, "identity", place),
        strand=known["strand"],
        length=int(_number(known, "length", place) or 0),
        flags=known["flags"],
        unit=known.get(NOVEL_UNIT),
    )


def _placement(names: Lineage, rank: str | None, taxon: str | None) -> Lineage:
    if rank is None:
        return (None,) * len(RANKS)
    at = RANKS.index(rank)
    return (*names[:at], taxon, *(None,) * (len(RANKS) - at - 1))


def _number(cells: dict[str, str | None], name: str, place: _Place) -> float | None:
    cell = cells.get(name)
    try:
        return None if cell is None else float(cell)
    except ValueError:
        raise place.error(f"{cell!r} in the column {name} is not a number") from None
