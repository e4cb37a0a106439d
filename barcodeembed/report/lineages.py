"""Count lineages, and write them with the letters of their ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from barcodeembed.report.rows import Row
from barcodeembed.taxonomy.ranks import RANK_LETTERS, RANKS, UNKNOWN, Lineage

#: The taxonomy of a feature without a taxon.
UNASSIGNED = "Unassigned"

T = TypeVar("T")

# Kingdom has two letters; QIIME 2 and UNITE use `k`. Subfamily has none.
_LETTERS = tuple(
    (RANKS.index(rank), letter) for letter, rank in RANK_LETTERS.items() if letter != "d"
)


def tally(rows: Iterable[Row]) -> tuple[Counter[Lineage], int]:
    """Count the reads of each taxon, and the reads without a taxon."""
    counts: Counter[Lineage] = Counter()
    for row in rows:
        counts[row.taxon] += row.reads
    return counts, counts.pop(UNKNOWN, 0)


def by_names(taxon: Lineage) -> tuple[str, ...]:
    """Return a key that sorts lineages from the highest rank down."""
    return tuple(name or "" for name in taxon)


def lettered(values: Sequence[T | None]) -> list[tuple[str, T | None]]:
    """Pair the letters of the ranks with the values of the ranks, down to the lowest value.

    ``values`` has one value for each of RANKS. Subfamily has no letter and is left out.

    >>> lettered(("Animalia", None, "Insecta", None, None, None, None, None))
    [('k', 'Animalia'), ('p', None), ('c', 'Insecta')]
    """
    pairs = [(letter, values[at]) for at, letter in _LETTERS]
    while pairs and pairs[-1][1] is None:
        pairs.pop()
    return pairs


def prefixed(taxon: Lineage) -> list[str]:
    """Write a lineage as Greengenes, UNITE and QIIME 2 do; an unknown rank is only its prefix.

    >>> prefixed(("Animalia", None, "Insecta", None, None, None, None, None))
    ['k__Animalia', 'p__', 'c__Insecta']
    >>> prefixed((None,) * 8)
    ['Unassigned']
    """
    # A semicolon separates ranks.
    written = [f"{letter}__{(name or '').replace(';', ',')}" for letter, name in lettered(taxon)]
    return written or [UNASSIGNED]
