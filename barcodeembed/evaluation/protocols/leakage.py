"""Leakage: barcodes that are in more than one split are found, counted, and can be removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from barcodeembed.evaluation.protocols.splits import HELD_OUT, Splits

#: Number of bases at the start of a barcode that are searched in longer barcodes.
_ANCHOR = 64


@dataclass(frozen=True, slots=True)
class Duplicates:
    """For each distinct barcode, the splits that contain it, a longer or a shorter version of it.

    ``same``: the splits with this barcode. ``inside``: those with a barcode that contains it.
    ``around``: those with a barcode that it contains. A value is a set of splits: bit i stands for
    ``names[i]``.
    """

    names: tuple[str, ...]
    same: dict[str, int]
    inside: dict[str, int]
    around: dict[str, int]

    def bit(self, name: str) -> int:
        return 1 << self.names.index(name)


def find_parts(barcodes: Collection[str], anchor: int = _ANCHOR) -> Iterator[tuple[str, str]]:
    """Yield (part, whole) for every barcode that is a proper substring of another one.

    ``barcodes`` are distinct. The first ``anchor`` bases of the parts are searched at every
    position of every barcode, and then the parts that begin with them. The time is proportional to
    the number of bases times the number of different lengths of parts with the same beginning, not
    to the number of pairs.
    """
    distinct = frozenset(barcodes)
    anchor = min([anchor, *map(len, distinct)])
    lengths: dict[str, set[int]] = defaultdict(set)
    for bases in distinct:
        lengths[bases[:anchor]].add(len(bases))
    ascending = {start: sorted(found) for start, found in lengths.items()}
    for whole in barcodes:
        for start in range(len(whole) - anchor + 1):
            for length in ascending.get(whole[start : start + anchor], ()):
                if start + length > len(whole):
                    break
                part = whole[start : start + length]
                if length < len(whole) and part in distinct:
                    yield part, whole


def find_duplicates(splits: Splits) -> Duplicates:
    """Find barcodes of different splits that are equal, or of which one contains the other."""
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
    """Count, for each pair of splits, the barcodes of the later one that are in the earlier one.

    ``exact``: with the same bases. ``contained``: as part of a longer barcode. ``containing``: a
    barcode of the earlier split is part of it. ``same_bin``: the earlier split has its BIN; None if
    one of the splits has no BINs. A barcode may be counted more than once.
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
                "found_in": earlier,
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
    """Remove barcodes of ``train`` from the splits in HELD_OUT; return also their number by split.

    ``what`` is of `vocabulary.DEDUPLICATE`. ``exact`` removes barcodes with the same bases,
    ``contained`` also those that are part of a barcode of ``train``, ``none`` nothing.
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
