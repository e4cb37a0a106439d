"""References that are close to references of another taxon, and not to their own.

A member is a barcode with one of its lineages. At each rank, from the highest down, a member is
suspect if at least three of its nearest other members are close, at least four in five of these
have the same other taxon, and none of them has its own taxon. "Close" is as similar as the nearest
relatives of that rank usually are.

Shapes: M members, K neighbours, R ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from barcodeembed.curation.findings import Finding, nearest_pair
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.search import Search, nearest, nearest_others
from barcodeembed.vocabulary import NEIGHBOURS

#: Minimum number of neighbours that must be close, and the fraction of them that must agree.
MIN_CLOSE = 3
AGREEMENT = 0.8

#: Relatives are close if they are at least as similar as this quantile of the nearest relatives.
_QUANTILE = 0.25

#: Minimum number of members with relatives at a rank to measure how similar these are.
_MIN_RELATIVES = 20

#: Members that are searched at a time.
_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class Suspect:
    """A member with the taxon ``own`` at a rank, whose close neighbours mostly have ``taxon``.

    ``close`` is the number of close neighbours, and ``agreeing`` that of those with ``taxon``.
    """

    member: int
    rank: int
    own: int
    taxon: int
    close: int
    agreeing: int


def find_mislabelled(
    index: ReferenceIndex,
    *,
    neighbours: int = NEIGHBOURS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Finding]:
    """Yield records that their nearest references contradict, those at the highest rank first.

    ``neighbours`` is the number of nearest references to compare with. ``progress`` is called with
    (done, total) members.
    """
    members = index.members
    owners = np.repeat(np.arange(len(index.vectors)), np.diff(members.starts))
    similarities, rows = neighbourhoods(index.vectors, owners, neighbours, progress, index.nearest)
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
            suspect.close,
            suspect.agreeing,
            nearest_pair(index, [vector], owners[others]),
            nearest_pair(index, [vector], owners[of_own[of_own != suspect.member]]),
        )


def neighbourhoods(
    vectors: np.ndarray,
    owners_M: np.ndarray,
    neighbours: int,
    progress: Callable[[int, int], None],
    search: Search = nearest,
) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities and members, each (M, K), of the nearest other members of each member.

    ``owners_M`` are the numbers of the members' ``vectors``; each vector has a member. ``search``
    finds the nearest vectors.
    """
    order_M = np.argsort(owners_M, kind="stable")
    starts = np.searchsorted(owners_M[order_M], np.arange(len(vectors) + 1))

    def nearest_members(
        vectors: np.ndarray, queries: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        similarities_QK, rows_QK = search(vectors, queries, k)
        members_QK, places_QK = _first(rows_QK, starts, k)
        return np.take_along_axis(similarities_QK, places_QK, 1), order_M[members_QK]

    count = len(owners_M)
    wanted = min(neighbours, count - 1)
    similarities_MK, members_MK = np.empty((count, wanted)), np.empty((count, wanted), np.int64)
    for start in range(0, count, _BLOCK):
        block = slice(start, min(start + _BLOCK, count))
        own = np.arange(block.start, block.stop)
        similarities_MK[block], members_MK[block] = nearest_others(
            vectors, vectors[owners_M[block]], own, wanted, nearest_members
        )
        progress(block.stop, count)
    return similarities_MK, members_MK


def _first(rows_QR: np.ndarray, starts: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first ``k`` members of the vectors ``rows_QR``, and their places in a row, (Q, k).

    The members of vector v are ``range(starts[v], starts[v + 1])``.
    """
    queries, width = rows_QR.shape
    rows = rows_QR.reshape(-1)
    counts = starts[rows + 1] - starts[rows]
    ends = counts.reshape(queries, width).cumsum(1)
    place_QK = (ends[:, None, :] <= np.arange(k)[:, None]).sum(2)
    begins = np.take_along_axis(ends - counts.reshape(queries, width), place_QK, 1)
    first = starts[np.take_along_axis(rows_QR, place_QK, 1)]
    return first + np.arange(k) - begins, place_QK


def find_suspects(
    similarities_MK: np.ndarray, rows_MK: np.ndarray, lineages_M: np.ndarray, taxa: Taxa
) -> list[Suspect]:
    """Return the suspect members, each only at the highest rank at which it is suspect."""
    codes_MR = taxa.codes[lineages_M]
    suspects: list[Suspect] = []
    found_M = np.zeros(len(lineages_M), bool)
    for rank, limit in enumerate(closeness(similarities_MK, rows_MK, codes_MR, taxa.ranks)):
        own_M, codes_MK = codes_MR[:, rank], codes_MR[rows_MK, rank]
        close_MK = (similarities_MK >= limit) & (codes_MK >= 0)
        alone_M = ~(close_MK & (codes_MK == own_M[:, None])).any(1)
        tested_M = (own_M >= 0) & ~found_M & alone_M & (close_MK.sum(1) >= MIN_CLOSE)
        for member in np.flatnonzero(tested_M):
            taxa_of, counts = np.unique(codes_MK[member][close_MK[member]], return_counts=True)
            most = int(counts.argmax())
            if counts[most] >= AGREEMENT * counts.sum():
                found_M[member] = True
                suspects.append(
                    Suspect(
                        int(member),
                        rank,
                        int(own_M[member]),
                        int(taxa_of[most]),
                        int(counts.sum()),
                        int(counts[most]),
                    )
                )
    return suspects


def closeness(
    similarities_MK: np.ndarray, rows_MK: np.ndarray, codes_MR: np.ndarray, ranks: tuple[str, ...]
) -> list[float]:
    """Return for each rank the similarity from which a neighbour is close.

    Relatives of a rank have the same taxon there, and different taxa at the next lower rank. At the
    lowest rank they only have the same taxon. The limit is the lower quartile of the similarities
    of the nearest relatives. A rank with too few relatives gets the limit of the next lower rank,
    or the lowest rank that of the next higher one. Ranks above family get the limit of family,
    since a neighbour from the same class but another order usually is mislabelled itself. The limit
    is infinite if no rank has enough relatives.
    """
    above = RANKS[: RANKS.index("family")]
    found = [
        None
        if name in above and name != ranks[-1]
        else _limit(similarities_MK, rows_MK, codes_MR, rank)
        for rank, name in enumerate(ranks)
    ]
    for rank in reversed(range(len(found) - 1)):
        found[rank] = found[rank] or found[rank + 1]
    for rank in range(1, len(found)):
        found[rank] = found[rank] or found[rank - 1]
    return [limit or np.inf for limit in found]


def _limit(
    similarities_MK: np.ndarray, rows_MK: np.ndarray, codes_MR: np.ndarray, rank: int
) -> float | None:
    """Return the limit of one rank; None if too few members have relatives at it."""
    own_M, codes_MK = codes_MR[:, rank], codes_MR[rows_MK, rank]
    related_MK = (codes_MK == own_M[:, None]) & (own_M >= 0)[:, None]
    if rank + 1 < codes_MR.shape[1]:
        below_M, below_MK = codes_MR[:, rank + 1], codes_MR[rows_MK, rank + 1]
        related_MK &= (below_MK != below_M[:, None]) & (below_MK >= 0) & (below_M >= 0)[:, None]
    has_M = related_MK.any(1)
    if has_M.sum() < _MIN_RELATIVES:
        return None
    first = related_MK[has_M].argmax(1)
    return float(np.quantile(similarities_MK[has_M][np.arange(len(first)), first], _QUANTILE))
