"""Barcodes that stand in more than one split: found, counted, and dropped where asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from barcodeembed.evaluation.protocols.splits import HELD_OUT, Splits

#: Bases at the start of a barcode by which a longer one that holds it is found.
_ANCHOR = 64

DEDUPLICATE = ("none", "exact", "contained")


@dataclass(frozen=True, slots=True)
class Duplicates:
    """For every distinct barcode the splits that have it, or one that holds or is held by it.

    The values are sets of splits as bits, in the order of ``names``.
    """

    names: tuple[str, ...]
    same: dict[str, int]
    inside: dict[str, int]
    around: dict[str, int]

    def bit(self, name: str) -> int:
        return 1 << self.names.index(name)


def find_parts(barcodes: Collection[str], anchor: int = _ANCHOR) -> Iterator[tuple[str, str]]:
    """Yield (part, whole) for every barcode that is a proper substring of another.

    ``barcodes`` are distinct. A part's first ``anchor`` bases are looked up at every place of
    every barcode, and then the part itself among those that begin so: the cost is the number of
    bases times the number of lengths that parts with one beginning have, not of pairs.
    """
    known = frozenset(barcodes)
    anchor = min([anchor, *map(len, known)])
    lengths: dict[str, set[int]] = defaultdict(set)
    for bases in known:
        lengths[bases[:anchor]].add(len(bases))
    ascending = {start: sorted(found) for start, found in lengths.items()}
    for whole in barcodes:
        for start in range(len(whole) - anchor + 1):
            for length in ascending.get(whole[start : start + anchor], ()):
                if start + length > len(whole):
                    break
                part = whole[start : start + length]
                if length < len(whole) and part in known:
                    yield part, whole


def find_duplicates(splits: Splits) -> Duplicates:
    """Find the barcodes that splits share, whole or in part."""
    same: dict[str, int] = defaultdict(int)
    for number, split in enumerate(splits.values()):
        for bases in split.bases:
            same[bases] |= 1 << number
    inside: dict[str, int] = defaultdict(int)
    around: dict[str, int] = defaultdict(int)
    for part, whole in find_parts(same):
        inside[part] |= same[whole]
        around[whole] |= same[part]
    return Duplicates(tuple(splits), dict(same), dict(inside), dict(around))


def count_overlaps(splits: Splits, duplicates: Duplicates) -> list[dict[str, Any]]:
    """Count, for each pair of splits, the barcodes of the later one that the earlier one has.

    ``exact``: the same bases; ``contained``: part of a longer one there; ``containing``: one
    there is part of it; ``same_bin``: its BIN is there, None where either split has no BINs. A
    barcode may be counted under several.
    """
    bins = {name: {b for b in split.bin if b} for name, split in splits.items()}
    rows = []
    for earlier, later in combinations(splits, 2):
        bit = duplicates.bit(earlier)
        there = bins[earlier]
        bases = splits[later].bases
        rows.append(
            {
                "split": later,
                "in": earlier,
                "barcodes": len(bases),
                "exact": sum(bool(duplicates.same[b] & bit) for b in bases),
                "contained": sum(bool(duplicates.inside.get(b, 0) & bit) for b in bases),
                "containing": sum(bool(duplicates.around.get(b, 0) & bit) for b in bases),
                "same_bin": sum(b in there for b in splits[later].bin)
                if there and bins[later]
                else None,
            }
        )
    return rows


def deduplicate(splits: Splits, duplicates: Duplicates, what: str) -> tuple[Splits, dict[str, int]]:
    """Drop from the held-out splits what ``train`` has, and count it by split.

    ``exact`` drops the same bases, ``contained`` also what is part of a barcode of ``train``,
    ``none`` nothing.
    """
    bit = duplicates.bit("train")

    def has(bases: str) -> bool:
        found = 0 if what == "none" else duplicates.same[bases]
        if what == "contained":
            found |= duplicates.inside.get(bases, 0)
        return bool(found & bit)

    kept = dict(splits)
    for name in splits.keys() & set(HELD_OUT):
        split = splits[name]
        kept[name] = split.take([i for i, bases in enumerate(split.bases) if not has(bases)])
    return kept, {name: len(splits[name]) - len(kept[name]) for name in splits if name in HELD_OUT}
