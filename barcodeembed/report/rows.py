"""Read the rows of a table of ``classify``, from which every report is made."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from barcodeembed.classify.counts import parse_counts
from barcodeembed.errors import InputError
from barcodeembed.sequences.lines import Lines, open_lines
from barcodeembed.sequences.tables import read_rows
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.vocabulary import COUNTS, NA, NOVEL_UNIT, SAMPLE, SEQUENCE_MD5, STATUSES

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
_MAX_DIGITS = 18
_SAMPLE = re.compile(r"(?:^|;)sample=([^;]+)(?=;|$)")


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
    md5: str | None = None
    nearest_taxon: str | None = None
    nearest_bin: str | None = None

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
        """The id without the abundance and the sample, for feature tables."""
        bare = _SAMPLE.sub("", _SIZE.sub("", self.query_id)).strip(";")
        return bare or self.query_id

    def has_flag(self, flags: frozenset[str]) -> bool:
        """Whether the query has one of these flags."""
        return not flags.isdisjoint((self.flags or "").split(";"))


def has_samples(header: Iterable[str]) -> bool:
    """Whether a table has a column that gives the samples of its rows."""
    return not {SAMPLE, COUNTS}.isdisjoint(header)


def read_table(
    source: str | os.PathLike[str],
    sample_of: Callable[[str], str | None],
    *,
    by_sample: bool = False,
    header_read: Callable[[list[str]], None] = lambda header: None,
) -> Iterator[Row]:
    """Yield the rows of a table that ``classify`` wrote, plain or compressed, or ``-``.

    The sample of a row is in its column ``sample``, or else ``sample_of`` returns it for the query
    id. A row with ``counts`` stands for all its reads or, ``by_sample``, there is a row for each
    sample. ``header_read`` is called with the names of the columns. Raises InputError if a
    required column is missing, or if a row is damaged or has no sample.
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
        header_read(header)
        for number, cells in rows:
            place = _Place(lines, number, cells["query_id"])
            row = _row(cells, place, sample_of)
            if COUNTS in cells:
                yield from _counted(row, cells[COUNTS], place, by_sample)
            else:
                yield row


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
    sample = known.get(SAMPLE) or sample_of(cells["query_id"])
    if sample is None:
        raise place.error("--sample-pattern finds no sample in this id")
    size = _SIZE.search(cells["query_id"])
    return Row(
        query_id=cells["query_id"],
        sample=sample,
        reads=_reads(size[1], place) if size else 1,
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
        md5=known.get(SEQUENCE_MD5),
        nearest_taxon=known.get("nearest_taxon"),
        nearest_bin=known.get("nearest_bin"),
    )


def _reads(digits: str, place: _Place) -> int:
    if len(digits) > _MAX_DIGITS:
        raise place.error(f"size={digits[:20]}... is no number of reads")
    return int(digits)


def _counted(row: Row, cell: str, place: _Place, by_sample: bool) -> Iterator[Row]:
    """Yield a row with the reads that a cell counts."""
    try:
        counts = parse_counts(cell) if cell != NA else {}
    except ValueError:
        raise place.error(f"{cell!r} in the column {COUNTS} is no list of counts") from None
    if by_sample:
        for sample, reads in counts.items():
            yield replace(row, sample=sample, reads=reads)
    else:
        yield replace(row, reads=sum(counts.values()))


def _placement(names: Lineage, rank: str | None, taxon: str | None) -> Lineage:
    if rank is None:
        return (None,) * len(RANKS)
    at = RANKS.index(rank)
    return (*names[:at], taxon, *(None,) * (len(RANKS) - at - 1))


def _number(cells: dict[str, str | None], name: str, place: _Place) -> float | None:
    cell = cells.get(name)
    try:
        number = None if cell is None else float(cell)
    except ValueError:
        number = math.nan
    if number is not None and not math.isfinite(number):
        raise place.error(f"{cell!r} in the column {name} is not a number") from None
    return number
