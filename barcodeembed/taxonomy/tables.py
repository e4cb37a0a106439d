"""A taxonomy file beside a FASTA: one column per rank, or an id and a ranked list."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.lines import Lines, open_lines
from barcodeembed.sequences.tables import ID_COLUMNS, read_rows
from barcodeembed.taxonomy.headers import parse_ranked
from barcodeembed.taxonomy.ranks import RANK_ALIASES, RANKS, Lineage, lineage

_RANK_COLUMNS = frozenset(RANKS) | frozenset(RANK_ALIASES)


def has_rank_columns(columns) -> bool:
    """Tell whether a table's lower-cased columns name ranks."""
    return not _RANK_COLUMNS.isdisjoint(columns)


def read_taxonomy(path: str | PathLike[str], *, encoding: str = "utf-8") -> dict[str, Lineage]:
    """Read ids and lineages from a TSV or CSV with rank columns, or an ``id<TAB>k__..;p__..`` list.

    Raises ReferenceDataError, naming the line, where neither form is met or an id comes twice
    with different lineages.
    """
    taxonomy: dict[str, Lineage] = {}
    with open_lines(path, encoding) as (lines, _):
        head = lines.readline()
        if not head:
            raise ReferenceDataError("the taxonomy file is empty", path)
        lines.put_back(head)
        parse = _read_columns if _names_columns(head) else _read_pairs
        for line, identifier, taxa in parse(lines):
            if taxonomy.setdefault(identifier, taxa) != taxa:
                raise ReferenceDataError("a second, different lineage for this id", path, line,
                                         identifier)
    return taxonomy


def _names_columns(head: str) -> bool:
    columns = head.lower().replace(",", "\t").replace(";", "\t").split("\t")
    return has_rank_columns(name.strip().strip('"') for name in columns)


def _read_columns(lines: Lines) -> Iterator[tuple[int, str, Lineage]]:
    header, rows = read_rows(lines)
    id_column = next((name for name in ID_COLUMNS if name in header), header[0])
    for line, row in rows:
        yield line, row[id_column].strip(), lineage(row)


def _read_pairs(lines: Lines) -> Iterator[tuple[int, str, Lineage]]:
    for text in lines:
        if not text.strip():
            continue
        identifier, _, rest = text.rstrip("\n").partition("\t")
        ranked = rest.split("\t")[0]
        taxa = parse_ranked(ranked)
        if taxa is None:
            if lines.number == 1:
                continue  # a header: Feature ID, Taxon
            raise ReferenceDataError(
                f"{ranked[:40]!r} is no lineage; expected 'k__..;p__..;..' or rank columns",
                lines.path, lines.number, identifier,
            )
        yield lines.number, identifier.strip(), taxa
