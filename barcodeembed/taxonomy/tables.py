"""A taxonomy file beside a FASTA: rank columns, ranked lists, or NCBI's taxids."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from itertools import chain, islice
from os import PathLike

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.lines import Lines, open_lines
from barcodeembed.sequences.tables import ID_COLUMNS, read_rows
from barcodeembed.taxonomy.formats import JUDGED, has_rank_columns
from barcodeembed.taxonomy.headers import parse_levels, parse_ranked
from barcodeembed.taxonomy.names import tidy_name
from barcodeembed.taxonomy.ranks import UNKNOWN, Lineage, lineage
from barcodeembed.taxonomy.taxdump import read_lineages

#: What a table calls its column of NCBI's taxids, and those of GenBank's accessions.
_TAXID_COLUMNS = ("taxid", "tax_id", "staxid", "ncbi_taxid")
_ACCESSION_COLUMNS = ("accession.version", "accession")

_Row = tuple[int, str, str]  # line, id, lineage or taxid
_LISTS = (
    ("QIIME 2 or UNITE taxonomy (k__..;p__..)", parse_ranked),
    ("RDP or mothur taxonomy (Kingdom;Phylum;..)", parse_levels),
)


def read_taxonomy(
    path: str | PathLike[str],
    *,
    encoding: str = "utf-8",
    taxdump: str | PathLike[str] | None = None,
    wanted: Collection[str] | None = None,
    allow_missing: bool = False,
    recognised: Callable[[str | PathLike[str], str], None] = lambda path, name: None,
) -> dict[str, Lineage]:
    """Read ids and lineages from a file of one of these forms.

    A TSV or CSV with rank columns; ids with lists as ``k__..;p__..`` or ``Kingdom;Phylum;..``; ids
    with taxids, whose lineages ``taxdump`` (NCBI's) tells. ``wanted`` are the ids to which an
    accession2taxid file, which lists all of GenBank, is cut. ``recognised`` is told path and form.
    Raises ReferenceDataError, naming the line, where no form is met, a line is of another, an id
    comes twice with different lineages, or, unless ``allow_missing``, a taxid is unknown.
    """
    taxonomy: dict[str, Lineage] = {}
    with open_lines(path, encoding) as (lines, _):
        head = lines.readline()
        if not head:
            raise ReferenceDataError("the taxonomy file is empty", path)
        lines.put_back(head)
        if _gives_taxids(head) != (taxdump is not None):
            raise ReferenceDataError(
                "has no column of taxids; leave --taxdump out"
                if taxdump is not None
                else "holds taxids; --taxdump PATH tells their lineages (NCBI's taxdump.tar.gz)",
                path,
            )
        if taxdump is not None:
            recognised(path, "accessions with NCBI taxids")
            rows = _resolve(_read_taxids(lines, wanted), taxdump, path, allow_missing)
        elif _names_columns(head, has_rank_columns):
            recognised(path, "a table with rank columns")
            rows = _read_columns(lines)
        else:
            rows = _read_lists(lines, recognised)
        for line, identifier, taxa in rows:
            if taxonomy.setdefault(identifier, taxa) != taxa:
                raise ReferenceDataError(
                    "a second, different lineage for this id", path, line, identifier
                )
    return taxonomy


def _names_columns(head: str, known: Callable[[list[str]], bool]) -> bool:
    columns = head.lower().replace(",", "\t").replace(";", "\t").split("\t")
    return known([name.strip().strip('"') for name in columns])


def _gives_taxids(head: str) -> bool:
    """Tell whether the first line names a column of taxids, and no ranks, or is ``id<TAB>9606``."""
    if _names_columns(head, has_rank_columns):
        return False
    fields = head.rstrip("\n").split("\t")
    named = _names_columns(head, lambda names: not set(names).isdisjoint(_TAXID_COLUMNS))
    return named or (len(fields) == 2 and fields[1].strip().isdigit())


def _read_columns(lines: Lines) -> Iterator[tuple[int, str, Lineage]]:
    header, rows = read_rows(lines)
    id_column = next((name for name in ID_COLUMNS if name in header), header[0])
    for line, row in rows:
        yield line, row[id_column].strip(), lineage(row)


def _read_lists(
    lines: Lines, recognised: Callable[[str | PathLike[str], str], None]
) -> Iterator[tuple[int, str, Lineage]]:
    """Read ids with ranked lists, all of the kind that most of the first lines are."""
    pairs = _pairs(lines)
    first = list(islice(pairs, JUDGED))
    counts = [sum(_is_list(listed, parse) for _, _, listed in first) for _, parse in _LISTS]
    name, parse = _LISTS[counts.index(max(counts))]
    if max(counts):
        recognised(lines.path, name)
    example = next((row for row in first if _is_list(row[2], parse)), None)
    for row in chain(first, pairs):
        line, identifier, listed = row
        if line == 1 and not _is_list(listed, parse) and not re.search(";|__", listed):
            continue  # a header: Feature ID, Taxon
        yield line, identifier, _parse_list(row, parse, example, lines.path)


def _pairs(lines: Lines) -> Iterator[_Row]:
    """Yield the first two columns of every line but the blank ones and QIIME 2's directives."""
    for text in lines:
        if text.strip() and not text.startswith("#q2:"):
            identifier, _, rest = text.rstrip("\n").partition("\t")
            yield lines.number, identifier.strip(), rest.split("\t")[0]


def _is_list(listed: str, parse: Callable[[str], Lineage | None]) -> bool:
    try:
        return parse(listed) is not None
    except ReferenceDataError:
        return True


def _parse_list(
    row: _Row,
    parse: Callable[[str], Lineage | None],
    example: _Row | None,
    path: str | PathLike[str],
) -> Lineage:
    line, identifier, listed = row
    try:
        taxa = parse(listed)
    except ReferenceDataError as error:
        raise ReferenceDataError(f"{listed[:40]!r}: {error}", path, line, identifier) from None
    if taxa is None and listed.strip() and tidy_name(listed, "kingdom") is None:
        return UNKNOWN  # Unassigned
    if taxa is None:
        like = f", as line {example[0]} has it: {example[2][:40]!r}" if example else ""
        raise ReferenceDataError(
            f"{listed[:40]!r} is no lineage; expected 'k__..;p__..;..' or rank columns{like}"
            if parse is parse_ranked or example is None
            else f"{listed[:40]!r} is no lineage of 6 or 7 names{like}",
            path,
            line,
            identifier,
        )
    return taxa


def _read_taxids(lines: Lines, wanted: Collection[str] | None) -> Iterator[_Row]:
    """Yield ids and taxids of ``id<TAB>taxid``, with or without a header, or accession2taxid."""
    head = lines.readline()
    lines.put_back(head)
    if not _names_columns(head, lambda names: not set(names).isdisjoint(_TAXID_COLUMNS)):
        yield from _pairs(lines)
        return
    header, rows = read_rows(lines)
    taxid_column = next(name for name in _TAXID_COLUMNS if name in header)
    id_columns = [name for name in _ACCESSION_COLUMNS if name in header]
    if len(id_columns) < 2:
        id_columns = id_columns or [next((n for n in ID_COLUMNS if n in header), header[0])]
        wanted = None
    for line, row in rows:
        for column in id_columns:
            if wanted is None or row[column] in wanted:
                yield line, row[column].strip(), row[taxid_column]


def _resolve(
    rows: Iterator[_Row],
    taxdump: str | PathLike[str],
    path: str | PathLike[str],
    allow_missing: bool,
) -> Iterator[tuple[int, str, Lineage]]:
    """Give the taxids their lineages."""
    taken: list[tuple[int, str, int]] = []
    for line, identifier, written in rows:
        if not (written.strip().isascii() and written.strip().isdigit()):
            raise ReferenceDataError(f"{written[:20]!r} is no taxid", path, line, identifier)
        taken.append((line, identifier, int(written)))
    lineages = read_lineages(taxdump, {taxid for *_, taxid in taken})
    for line, identifier, taxid in taken:
        if taxid in lineages:
            yield line, identifier, lineages[taxid]
        elif not allow_missing:
            raise ReferenceDataError(
                f"the taxid {taxid} is not in {taxdump}; is it newer? --allow-missing leaves such "
                "records out",
                path,
                line,
                identifier,
            )
