"""A report in the format of Kraken 2: clades, indented by rank."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from barcodeembed.report.lineages import tally
from barcodeembed.report.rows import Row
from barcodeembed.taxonomy.ranks import RANKS, Lineage

# Kraken 2 writes a rank without a letter of its own as a letter and a number.
_CODES = dict(zip(RANKS, ("K", "P", "C", "O", "F", "F1", "G", "S"), strict=True))
# Higher than the taxids of NCBI, and small enough for signed 32-bit integers.
_FIRST_TAXID = 1_000_000_000


@dataclass(slots=True)
class _Clade:
    """A taxon and its subtaxa; ``clade`` is the number of reads of all of them."""

    path: tuple[tuple[str, str], ...]
    direct: int = 0
    clade: int = 0
    below: dict[tuple[str, str], _Clade] = field(default_factory=dict)


def kraken(rows: Iterable[Row]) -> Iterator[str]:
    """Yield lines: percentage, reads of the clade, reads of the taxon, rank code, taxid, name.

    ``unclassified`` is the first line. Siblings are sorted by their number of reads. The taxids are
    not those of NCBI: they are computed from the lineage, so that they are equal in all reports.
    """
    counts, without = tally(rows)
    root = _Clade(())
    for taxon, reads in counts.items():
        _add(root, taxon, reads)
    total = root.clade + without
    yield _line(total, without, without, "U", 0, "unclassified")
    yield _line(total, root.clade, root.direct, "R", 1, "root")
    taxids = _taxids(sorted(clade.path for clade in _walk(root)))
    for clade in _walk(root):
        rank, name = clade.path[-1]
        name = "  " * len(clade.path) + name
        yield _line(total, clade.clade, clade.direct, _CODES[rank], taxids[clade.path], name)


def _add(root: _Clade, taxon: Lineage, reads: int) -> None:
    clade, path = root, root.path
    clade.clade += reads
    for step in ((rank, name) for rank, name in zip(RANKS, taxon, strict=True) if name):
        path = (*path, step)
        clade = clade.below.setdefault(step, _Clade(path))
        clade.clade += reads
    clade.direct += reads


def _walk(clade: _Clade) -> Iterator[_Clade]:
    """Yield the subclades of a clade, depth first, the largest first."""
    for _, inner in sorted(clade.below.items(), key=lambda item: (-item[1].clade, item[0])):
        yield inner
        yield from _walk(inner)


def _taxids(paths: list[tuple[tuple[str, str], ...]]) -> dict[tuple[tuple[str, str], ...], int]:
    """Return a hash of the lineage of each taxon. If two are equal, the later gets the next one."""
    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    taken: set[int] = set()
    for path in paths:
        text = "\t".join(f"{rank}:{name}" for rank, name in path)
        hashed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
        while (number := _FIRST_TAXID + hashed % _FIRST_TAXID) in taken:
            hashed += 1
        taken.add(number)
        numbers[path] = number
    return numbers


def _line(total: int, clade: int, direct: int, code: str, taxid: int, name: str) -> str:
    percent = 100 * clade / total if total else 0.0
    return f"{percent:6.2f}\t{clade}\t{direct}\t{code}\t{taxid}\t{name}\n"
