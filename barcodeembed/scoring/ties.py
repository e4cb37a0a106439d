"""Exact ties: several taxa among the best hits of a query.

The best hits are equal: no score, and no base of the alignment, prefers one to another. If they
have several names at the lowest rank, the marker cannot tell these taxa apart.

Shapes: Q queries, K neighbours, M members (neighbour, lineage), R ranks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.scoring.features import Neighbours
from barcodeembed.scoring.vote import Members, members_at, supported

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Ties:
    """The tied taxa of Q queries.

    Attributes:
        taxa: For each query, the numbers of the tied taxa at the lowest rank, those with most
            records first; empty if there is no tie.
        agreed: Whether a name at the rank can be accepted, bool (Q, R): there is no tie, or all
            tied taxa have the winning name.
    """

    taxa: list[tuple[int, ...]]
    agreed: np.ndarray


def find_ties(
    neighbours: Neighbours, members: Members, codes: np.ndarray, winners_QR: np.ndarray
) -> Ties:
    """Find the queries whose best hits carry several taxa at the lowest rank.

    ``codes`` int (lineages, R) are the numbers of the taxa, -1 if unknown, and ``winners_QR`` the
    taxa that won the vote. Hits without a name at the lowest rank are not counted. A taxon with too
    few records is not tied: see `vote.supported`.
    """
    best_QK = best_hits(neighbours)
    member_M, place_M = members_at(neighbours.rows, members)
    kept = best_QK.reshape(-1)[place_M] & (codes[members.lineages[member_M], -1] >= 0)
    member_M, query_M = member_M[kept], place_M[kept] // best_QK.shape[1]
    taxon_M = codes[members.lineages[member_M], -1]
    taxa: list[tuple[int, ...]] = [()] * len(best_QK)
    agreed_QR = np.ones((len(best_QK), codes.shape[1]), bool)
    pairs = np.unique(np.stack([query_M, taxon_M], 1), axis=0)
    for query in np.flatnonzero(np.bincount(pairs[:, 0], minlength=len(best_QK)) > 1):
        mine = np.flatnonzero(query_M == query)
        names, group = np.unique(taxon_M[mine], return_inverse=True)
        records = np.bincount(group.reshape(-1), members.counts[member_M[mine]]).astype(np.int64)
        tied = supported(records, np.zeros(len(records), np.int64))
        if tied.sum() < 2:
            continue
        order = np.lexsort((names, -records))
        taxa[query] = tuple(names[order][tied[order]].tolist())
        tied_codes = codes[members.lineages[member_M[mine]][tied[group.reshape(-1)]]]
        agreed_QR[query] = ((tied_codes == winners_QR[query]) | (tied_codes < 0)).all(0)
    return Ties(taxa, agreed_QR)


def best_hits(neighbours: Neighbours) -> np.ndarray:
    """Return which neighbours are as good as the first one, bool (Q, K).

    They have the same identity over an overlap of the same length. If only the first neighbour was
    aligned, or none, they have the same similarity.
    """
    aligned = neighbours.identities
    if aligned is None or aligned.percents.shape[1] < neighbours.rows.shape[1]:
        scores_QK = np.round(neighbours.scores, _DECIMALS)
        return scores_QK == scores_QK[:, :1]
    percents_QK = np.round(aligned.percents, _DECIMALS)
    return (percents_QK == percents_QK[:, :1]) & (aligned.overlaps == aligned.overlaps[:, :1])
