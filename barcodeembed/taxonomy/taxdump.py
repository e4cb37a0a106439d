"""Look up the lineages of taxids in NCBI's taxonomy dump (nodes.dmp, names.dmp, merged.dmp)."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterator
from os import PathLike
from pathlib import Path

from barcodeembed.errors import InputError, ReferenceDataError
from barcodeembed.taxonomy.dump_files import open_dump_file
from barcodeembed.taxonomy.ranks import RANKS, Lineage, lineage

#: The ranks that are read. ``domain`` and ``superkingdom`` replace a missing kingdom.
_RANKS = ("", *RANKS, "superkingdom", "domain")
_SCIENTIFIC = "scientific name"
#: Far above any taxid. The tables below have an entry for every taxid up to the largest.
_MAX_TAXID = 100_000_000

#: A number that int() reads: it refuses thousands of digits.
_DIGITS = re.compile("[0-9]{1,18}")


def read_lineages(dump: str | PathLike[str], taxids: Collection[int]) -> dict[int, Lineage]:
    """Return the lineages of taxids; a taxid that is not in the dump is left out.

    ``dump`` is a folder or a tar archive. Old taxids are replaced as merged.dmp says. Only
    scientific names are used. Raises InputError if nodes.dmp or names.dmp is missing or has a line
    that cannot be read, and ReferenceDataError if a taxid of a lineage has no parent or no name.
    """
    dump = Path(dump)
    merged = _read_merged(dump / "merged.dmp")
    parents, ranks = _read_nodes(dump / "nodes.dmp")
    paths = {}
    for taxid in taxids:
        node = merged.get(taxid, taxid)
        if 0 < node < len(parents) and parents[node]:
            paths[taxid] = _climb(node, parents, ranks, dump / "nodes.dmp")
    names = _read_names(dump / "names.dmp", {n for path in paths.values() for n in path.values()})
    lineages = {}
    for taxid, path in paths.items():
        for node in path.values():
            if node not in names:
                raise ReferenceDataError(f"no scientific name for taxid {node}", dump / "names.dmp")
        lineages[taxid] = lineage({rank: names[node] for rank, node in path.items()})
    return lineages


def _climb(node: int, parents: array[int], ranks: bytearray, path: Path) -> dict[str, int]:
    """Return the node and its ancestors, as far as they have one of the ranks, by rank."""
    by_rank: dict[str, int] = {}
    seen = set()
    while node not in seen:
        seen.add(node)
        if ranks[node]:
            by_rank.setdefault(_RANKS[ranks[node]], node)
        parent = parents[node]
        if parent == node:
            return by_rank
        if parent >= len(parents) or not parents[parent]:
            raise ReferenceDataError(f"{parent}, the parent of taxid {node}, is missing", path)
        node = parent
    raise ReferenceDataError(f"taxid {node} is its own ancestor", path)


def _read_nodes(path: Path) -> tuple[array[int], bytearray]:
    """Return the parent (0: no such node) and the rank (an index into _RANKS) of every taxid."""
    parents, ranks = array("i"), bytearray()
    number = {name: i for i, name in enumerate(_RANKS)}
    for line, (taxid, parent, rank) in _rows(path, 3):
        node = _taxid(taxid, path, line)
        missing = node + 1 - len(parents)
        if missing > 0:
            parents.extend([0] * missing)
            ranks.extend(bytes(missing))
        parents[node] = _taxid(parent, path, line)
        ranks[node] = number.get(rank, 0)
    return parents, ranks


def _read_names(path: Path, wanted: Collection[int]) -> dict[int, str]:
    names = {}
    for line, (taxid, name, _, kind) in _rows(path, 4):
        if kind == _SCIENTIFIC and (node := _taxid(taxid, path, line)) in wanted:
            names[node] = name
    return names


def _read_merged(path: Path) -> dict[int, int]:
    # Small excerpts of a dump may not have this file.
    return {
        _taxid(old, path, line): _taxid(new, path, line)
        for line, (old, new) in _rows(path, 2, required=False)
    }


def _rows(path: Path, width: int, *, required: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield the line numbers and the first ``width`` fields of a .dmp file.

    ``path`` is the path of the dump, followed by the name of the file in it.
    """
    with open_dump_file(path.parent, path.name) as lines:
        if lines is None:
            if required:
                raise InputError(f"has no {path.name}, which NCBI's taxdump has", path.parent)
            return
        for text in lines:
            fields = text.rstrip("\n").removesuffix("\t|").split("\t|\t")
            if len(fields) < width:
                raise lines.error(f"not a line of NCBI's {path.name}: {text.strip()[:40]!r}")
            yield lines.number, fields[:width]


def _taxid(text: str, path: Path, line: int) -> int:
    if not (_DIGITS.fullmatch(text) and 0 < int(text) < _MAX_TAXID):
        raise ReferenceDataError(f"{text[:20]!r} is not a taxid", path, line)
    return int(text)
