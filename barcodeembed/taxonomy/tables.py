"""Read a separate taxonomy file: rank columns, ranked lists, or NCBI's taxids."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain, islice
from os import PathLike

from barcodeembed.errors import ReferenceDataError
from barcodeembed.sequences.lines import Lines, open_lines
from barcodeembed.sequences.tables import ID_COLUMNS, find_column, read_rows, unquote
from barcodeembed.taxonomy.conventions import Convention
from barcodeembed.taxonomy.formats import SAMPLE_SIZE, has_rank_columns
from barcodeembed.taxonomy.headers import Header, parse_levels, parse_ranked
from barcodeembed.taxonomy.names import NameNotes, note_names, strip_placeholder
from barcodeembed.taxonomy.ranks import UNKNOWN, Lineage, lineage
from barcodeembed.taxonomy.taxdump import read_lineages

#: Names of columns with NCBI's taxids, and with GenBank's accessions.
_TAXID_COLUMNS = ("taxid", "tax_id", "staxid", "ncbi_taxid")
_TAXID = re.compile("[0-9]{1,18}")
#: Columns of SILVA's taxmap, whose taxids are not NCBI's.
_SILVA_COLUMNS = {"primaryaccession", "start", "stop", "path", "organism_name"}
_ACCESSION_COLUMNS = ("accession.version", "accession")

_Row = tuple[int, str, str]  # line, id, lineage or taxid
_Resolved = tuple[int, str, Lineage]  # line, id, lineage
_Recognised = Callable[[str | PathLike[str], str], None]
_Parse = Callable[[str], Header | None]


def _parse_prefixed(listed: str) -> Header | None:
    names = parse_ranked(listed)
    return None if names is None else Header(None, names)


def _parse_plain(listed: str) -> Header | None:
    names = parse_levels(listed)
    return None if names is None else Header(None, listed=names)


_LISTS: dict[str, _Parse] = {
    "QIIME 2 or UNITE taxonomy (k__..;p__..)": _parse_prefixed,
    "RDP or mothur taxonomy (Kingdom;Phylum;..)": _parse_plain,
}
_EXPECTED: dict[_Parse, str] = {
    _parse_prefixed: "'k__..;p__..;..' or rank columns",
    _parse_plain: "'Kingdom;Phylum;..'",
}
_NO_HEADER = (
    "a table needs a header line that names its columns, for example: "
    "id,taxid,kingdom,phylum,class,order,family,genus,species"
)


def read_taxonomy(
    path: str | PathLike[str],
    *,
    encoding: str = "utf-8",
    taxdump: str | PathLike[str] | None = None,
    wanted: Collection[str] | None = None,
    allow_missing: bool = False,
    ranks: Sequence[str] | None = None,
    recognised: _Recognised = lambda path, name: None,
) -> dict[str, Lineage]:
    """Return the lineage of every id in a taxonomy file.

    The file has one of three formats: a TSV or CSV table with rank columns; ids with lists such as
    ``k__..;p__..`` or ``Kingdom;Phylum;..``; or ids with taxids, whose lineages are looked up in
    ``taxdump``, NCBI's taxonomy dump. An accession2taxid file lists all of GenBank; of it, only the
    ids in ``wanted`` are read. ``ranks`` are the ranks of lists that do not give them.
    ``recognised`` is called with the path and the name of the format.

    Raises ReferenceDataError, which names the line, if no format fits, if a line has another
    format, if an id occurs twice with different lineages, or, unless ``allow_missing``, if a taxid
    is not in the dump.
    """
    taxonomy: dict[str, Lineage] = {}
    with open_lines(path, encoding) as (lines, _):
        rows = _read_any(lines, path, taxdump, wanted, allow_missing, ranks, recognised)
        for line, identifier, taxa in rows:
            if taxonomy.setdefault(identifier, taxa) != taxa:
                raise ReferenceDataError(
                    "a second, different lineage for this id", path, line, identifier
                )
    return taxonomy


def _read_any(
    lines: Lines,
    path: str | PathLike[str],
    taxdump: str | PathLike[str] | None,
    wanted: Collection[str] | None,
    allow_missing: bool,
    ranks: Sequence[str] | None,
    recognised: _Recognised,
) -> Iterator[_Resolved]:
    """Return the rows of a taxonomy file, read in the format that its first line shows."""
    head = lines.readline()
    if not head:
        raise ReferenceDataError("the taxonomy file is empty", path)
    lines.put_back(head)
    if _names_columns(head, lambda names: set(names) >= _SILVA_COLUMNS):
        return _read_silva(lines, ranks, recognised)
    if _has_taxids(head) != (taxdump is not None):
        raise ReferenceDataError(
            "has no column of taxids; leave --taxdump out"
            if taxdump is not None
            else "contains taxids; give NCBI's taxdump.tar.gz with --taxdump PATH to look up their "
            "lineages",
            path,
        )
    if taxdump is not None:
        recognised(path, "accessions with NCBI taxids")
        return _resolve(_read_taxids(lines, wanted), taxdump, path, allow_missing)
    if _names_columns(head, has_rank_columns):
        recognised(path, "a table with rank columns")
        return _read_columns(lines)
    return _read_lists(lines, ranks, recognised)


def _names_columns(head: str, test: Callable[[list[str]], bool]) -> bool:
    """Return whether the column names in a header line pass a test."""
    columns = head.lower().replace(",", "\t").replace(";", "\t").split("\t")
    return test([name.strip().strip('"') for name in columns])


def _has_taxids(head: str) -> bool:
    """Return whether the first line has a taxid column but no ranks, or is ``id<TAB>9606``."""
    if _names_columns(head, has_rank_columns):
        return False
    fields = head.rstrip("\n").split("\t")
    named = _names_columns(head, lambda names: not set(names).isdisjoint(_TAXID_COLUMNS))
    return named or (len(fields) == 2 and fields[1].strip().isdigit())


def _read_columns(lines: Lines) -> Iterator[_Resolved]:
    header, rows = read_rows(lines)
    id_column = find_column(header, ID_COLUMNS) or header[0]
    for line, row in rows:
        yield line, row[id_column].strip(), lineage(row)


def _read_silva(
    lines: Lines, ranks: Sequence[str] | None, recognised: _Recognised
) -> Iterator[_Resolved]:
    """Yield SILVA's ids, ``accession.start.stop``, with the lineages of its taxmap."""
    _, rows = read_rows(lines)

    def read() -> Iterator[tuple[int, str, Header]]:
        for line, row in rows:
            identifier = ".".join(
                row[name].strip() for name in ("primaryaccession", "start", "stop")
            )
            path = f"{row['path'].rstrip(';')};{row['organism_name']}"
            yield line, identifier, Header(None, listed=parse_levels(path) or ())

    headers = read()
    first = list(islice(headers, SAMPLE_SIZE))
    convention = Convention.of((header for *_, header in first), ranks)
    recognised(lines.path, convention.describe("SILVA's taxmap"))
    for line, identifier, header in chain(first, headers):
        yield line, identifier, convention.lineage(header)


def _read_lists(
    lines: Lines, ranks: Sequence[str] | None, recognised: _Recognised
) -> Iterator[_Resolved]:
    """Yield ids with ranked lists, all in the format of most of the first lines."""
    pairs = _pairs(lines)
    first = list(islice(pairs, SAMPLE_SIZE))
    with note_names(NameNotes()):
        read = {name: [parse(listed) for *_, listed in first] for name, parse in _LISTS.items()}
    name = max(read, key=lambda name: sum(map(bool, read[name])))
    found = [header for header in read[name] if header]
    convention = Convention.of(found, ranks)
    if found:
        recognised(lines.path, convention.describe(name))
    elif first and re.search("[,;].*[,;]", "".join(first[0][1:])):
        raise ReferenceDataError(_NO_HEADER, lines.path, first[0][0])
    example = next((row for row, header in zip(first, read[name], strict=True) if header), None)
    for row in chain(first, pairs):
        if row[0] == 1 and not re.search(";|__", row[2]) and strip_placeholder(row[2]):
            continue  # a header: Feature ID, Taxon
        line, identifier, listed = row
        try:
            yield line, identifier, _parse_list(listed, _LISTS[name], convention, example)
        except ReferenceDataError as error:
            raise ReferenceDataError(
                f"{listed[:40]!r} {error}", lines.path, line, identifier
            ) from None


def _pairs(lines: Lines) -> Iterator[_Row]:
    """Yield the first two columns of every line, without blank lines and QIIME 2's directives."""
    for text in lines:
        if text.strip() and not text.startswith("#q2:"):
            identifier, _, rest = unquote(text.rstrip("\n")).partition("\t")
            yield lines.number, unquote(identifier.strip()), unquote(rest.split("\t")[0].strip())


def _parse_list(
    listed: str, parse: _Parse, convention: Convention, example: _Row | None
) -> Lineage:
    header = parse(listed)
    if header is not None:
        return convention.lineage(header)
    if listed.strip() and strip_placeholder(listed) is None:
        return UNKNOWN  # Unassigned
    like = f", as in line {example[0]}: {example[2][:40]!r}" if example else ""
    raise ReferenceDataError(f"is not a lineage; expected {_EXPECTED[parse]}{like}")


def _read_taxids(lines: Lines, wanted: Collection[str] | None) -> Iterator[_Row]:
    """Yield ids and taxids from ``id<TAB>taxid`` lines, a table, or an accession2taxid file."""
    head = lines.readline()
    lines.put_back(head)
    if not _names_columns(head, lambda names: not set(names).isdisjoint(_TAXID_COLUMNS)):
        yield from _pairs(lines)
        return
    header, rows = read_rows(lines)
    taxid_column = next(name for name in _TAXID_COLUMNS if name in header)
    id_columns = [name for name in _ACCESSION_COLUMNS if name in header]
    if len(id_columns) < 2:
        id_columns = id_columns or [find_column(header, ID_COLUMNS) or header[0]]
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
) -> Iterator[_Resolved]:
    """Yield ids with the lineages of their taxids."""
    parsed: list[tuple[int, str, int]] = []
    for line, identifier, written in rows:
        if not _TAXID.fullmatch(written.strip()):
            raise ReferenceDataError(f"{written[:20]!r} is not a taxid", path, line, identifier)
        parsed.append((line, identifier, int(written.strip())))
    lineages = read_lineages(taxdump, {taxid for *_, taxid in parsed})
    for line, identifier, taxid in parsed:
        if taxid in lineages:
            yield line, identifier, lineages[taxid]
        elif not allow_missing:
            raise ReferenceDataError(
                f"the taxid {taxid} is not in {taxdump}, which may be too old; --allow-missing "
                "leaves out such records",
                path,
                line,
                identifier,
            )
