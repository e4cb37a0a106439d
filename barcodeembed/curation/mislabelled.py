"""References that lie among those of another taxon and away from those of their own.

The unit is a member: a barcode with one of its lineages. From the highest rank down, a member is
suspect where at least three of its nearest others are so near as kin of that rank usually are,
four in five of them agree on another taxon, and none is of its own.
Shapes: M members, K neighbours, R ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from barcodeembed.curation.findings import Finding, nearest_of
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.search import nearest_others

#: Neighbours that are looked at, the fewest that must be near, and how many of these must agree.
NEIGHBOURS = 10
FEWEST = 3
AGREEMENT = 0.8

#: Kin are near where they are nearer than this share of the nearest kin is.
_QUANTILE = 0.25

_MIN_RELATIVES = 20
_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class Suspect:
    """A member, of the taxon ``own`` at a rank, whose neighbours are of ``taxon`` there."""

    member: int
    rank: int
    own: int
    taxon: int
    near: int
    agreeing: int


def find_mislabelled(
    index: ReferenceIndex,
    *,
    neighbours: int = NEIGHBOURS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Finding]:
    """Yield the records that the references about them contradict, by rank, the highest first."""
    members = index.members
    owners = np.repeat(np.arange(len(index.vectors)), np.diff(members.starts))
    similarities, rows = neighbourhoods(np.asarray(index.vectors)[owners], neighbours, progress)
    suspects = find_suspects(similarities, rows, members.lineages, index.taxa)
    pairs = zip(index.record_vectors.tolist(), index.record_lineages.tolist(), strict=True)
    records: dict[tuple[int, int], list[str]] = {}
    for name, pair in zip(index.record_ids, pairs, strict=True):
        records.setdefault(pair, []).append(name)
    for suspect in suspects:
        vector, lineage = int(owners[suspect.member]), int(members.lineages[suspect.member])
        codes_M = index.taxa.codes[members.lineages, suspect.rank]
        of_own = np.flatnonzero(codes_M == suspect.own)
        others = rows[suspect.member][codes_M[rows[suspect.member]] == suspect.taxon]
        names = index.taxa.names[suspect.rank]
        yield Finding(
            "mislabelled",
            tuple(records[vector, lineage]),
            index.taxa.ranks[suspect.rank],
            names[suspect.own],
            names[suspect.taxon],
            None,
            suspect.near,
            suspect.agreeing,
            nearest_of(index, [vector], owners[others]),
            nearest_of(index, [vector], owners[of_own[of_own != suspect.member]]),
        )


def neighbourhoods(
    vectors_MD: np.ndarray, neighbours: int, progress: Callable[[int, int], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities and rows, (M, K) each, of the nearest others of every member."""
    count = len(vectors_MD)
    wanted = min(neighbours, count - 1)
    similarities_MK, rows_MK = np.empty((count, wanted)), np.empty((count, wanted), np.int64)
    for start in range(0, count, _BLOCK):
        block = slice(start, min(start + _BLOCK, count))
        similarities_MK[block], rows_MK[block] = nearest_others(
            vectors_MD, vectors_MD[block], np.arange(block.start, block.stop), wanted
        )
        progress(block.stop, count)
    return similarities_MK, rows_MK


def find_suspects(
    similarities_MK: np.ndarray, rows_MK: np.ndarray, lineages_M: np.ndarray, taxa: Taxa
) -> list[Suspect]:
    """Return the suspect members, each at the highest rank at which it is."""
    codes_MR = taxa.codes[lineages_M]
    suspects: list[Suspect] = []
    settled_M = np.zeros(len(lineages_M), bool)
    for rank, reach in enumerate(reaches(similarities_MK, rows_MK, codes_MR, taxa.ranks)):
        own_M, codes_MK = codes_MR[:, rank], codes_MR[rows_MK, rank]
        near_MK = (similarities_MK >= reach) & (codes_MK >= 0)
        alone_M = ~(near_MK & (codes_MK == own_M[:, None])).any(1)
        asked_M = (own_M >= 0) & ~settled_M & alone_M & (near_MK.sum(1) >= FEWEST)
        for member in np.flatnonzero(asked_M):
            found, counts = np.unique(codes_MK[member][near_MK[member]], return_counts=True)
            most = int(counts.argmax())
            if counts[most] >= AGREEMENT * counts.sum():
                settled_M[member] = True
                suspects.append(
                    Suspect(
                        int(member),
                        rank,
                        int(own_M[member]),
                        int(found[most]),
                        int(counts.sum()),
                        int(counts[most]),
                    )
                )
    return suspects


def reaches(
    similarities_MK: np.ndarray, rows_MK: np.ndarray, codes_MR: np.ndarray, ranks: tuple[str, ...]
) -> list[float]:
    """Return how similar near kin are at each rank.

    Kin of a rank are of one taxon there and of two at the next lower rank; at the lowest, of one
    taxon. The reach is the lower quartile of the similarities of the nearest kin. A rank of too
    few kin takes that of the next lower one, the lowest that of the next higher, and ranks above
    family that of family: who has kin of another order among its nearest is mostly mislabelled.
    Infinite where no rank has enough.
    """
    above = RANKS[: RANKS.index("family")]
    found = [
        None
        if name in above and name != ranks[-1]
        else _reach(similarities_MK, rows_MK, codes_MR, rank)
        for rank, name in enumerate(ranks)
    ]
    for rank in reversed(range(len(found) - 1)):
        found[rank] = found[rank] or found[rank + 1]
    for rank in range(1, len(found)):
        found[rank] = found[rank] or found[rank - 1]
    return [reach or np.inf for reach in found]


def _reach(
    similarities_MK: np.ndarray, rows_MK: np.ndarray, codes_MR: np.ndarray, rank: int
) -> float | None:
    own_M, codes_MK = codes_MR[:, rank], codes_MR[rows_MK, rank]
    kin_MK = (codes_MK == own_M[:, None]) & (own_M >= 0)[:, None]
    if rank + 1 < codes_MR.shape[1]:
        below_M, below_MK = codes_MR[:, rank + 1], codes_MR[rows_MK, rank + 1]
        kin_MK &= (below_MK != below_M[:, None]) & (below_MK >= 0) & (below_M >= 0)[:, None]
    has_M = kin_MK.any(1)
    if has_M.sum() < _MIN_RELATIVES:
        return None
    first = kin_MK[has_M].argmax(1)
    return float(np.quantile(similarities_MK[has_M][np.arange(len(first)), first], _QUANTILE))
