"""The vote of the nearest references, rank by rank.

Weights are a softmax of similarity over a temperature, as BarcodeMAE+ votes (temperature 0.02):
``w = exp((similarity - best) / temperature)``.
Shapes: Q queries, K neighbours, M members (neighbour, lineage), R ranks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEMPERATURE = 0.02


@dataclass(frozen=True, slots=True)
class Members:
    """The distinct lineages of each reference vector.

    Those of vector v are ``lineages[starts[v]:starts[v + 1]]``; a barcode shared by several
    species has several. ``records`` holds the first record of each.
    """

    starts: np.ndarray
    lineages: np.ndarray
    records: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, lineages: np.ndarray, count: int) -> Members:
        """Group the (vector, lineage) pairs of records, int (n,) each, of ``count`` vectors."""
        pairs, first = np.unique(np.stack([vectors, lineages], 1), axis=0, return_index=True)
        return cls(np.searchsorted(pairs[:, 0], np.arange(count + 1)), pairs[:, 1], first)


def rescore(
    similarities_QK: np.ndarray, rows_QK: np.ndarray, identities_QK: np.ndarray, weight: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores, best first, and the order that puts neighbours so, (Q, K) each.

    A score is the similarity plus ``weight`` times the identity, given in percent, as a share.
    Equal scores stand in the order of their rows.
    """
    scores_QK = np.round(similarities_QK + weight * identities_QK / 100, 6)
    order_QK = np.lexsort((rows_QK, -scores_QK))
    return np.take_along_axis(scores_QK, order_QK, 1), order_QK


def vote(
    similarities_QK: np.ndarray,
    rows_QK: np.ndarray,
    members: Members,
    codes: np.ndarray,
    temperature: float = TEMPERATURE,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the winning taxon of each rank, int (Q, R), and its share of the vote, (Q, R).

    Similarities, or scores, stand best first. ``codes`` int (lineages, R) numbers the taxa; -1 is
    unknown, and the winner where no neighbour has a name. A vector of several lineages divides its
    weight among them. A rank's winner is looked for under the winner of the rank above; its share
    is of all the votes that name the rank, and never exceeds the share above it. Equal votes go to
    the first name in the alphabet.
    """
    query_M, weight_M, lineage_M = _spread(similarities_QK, rows_QK, members, temperature)
    queries, ranks = len(similarities_QK), codes.shape[1]
    winners_QR = np.full((queries, ranks), -1, np.int64)
    shares_QR = np.zeros((queries, ranks))
    eligible_M = np.ones(len(query_M), bool)
    above_Q = np.ones(queries)
    for rank in range(ranks):
        code_M = codes[lineage_M, rank]
        named_M = code_M >= 0
        total_Q = np.bincount(query_M[named_M], weight_M[named_M], queries)
        winner_Q, weight_Q = _heaviest(query_M, code_M, weight_M, named_M & eligible_M, queries)
        share_Q = np.divide(weight_Q, total_Q, out=np.zeros(queries), where=total_Q > 0)
        won_Q = winner_Q >= 0
        above_Q = np.where(won_Q, np.minimum(above_Q, share_Q), above_Q)
        winners_QR[:, rank] = winner_Q
        shares_QR[:, rank] = np.where(won_Q, above_Q, 0.0)
        eligible_M &= ~(named_M & won_Q[query_M] & (code_M != winner_Q[query_M]))
    return winners_QR, shares_QR


def members_of(rows_QK: np.ndarray, members: Members) -> tuple[np.ndarray, np.ndarray]:
    """Return the place, in flattened (Q, K), and the lineage of every member, (M,) each."""
    rows = rows_QK.reshape(-1)
    counts = members.starts[rows + 1] - members.starts[rows]
    first = np.repeat(members.starts[rows], counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(np.arange(len(rows)), counts), members.lineages[first + within]


def _spread(
    similarities_QK: np.ndarray, rows_QK: np.ndarray, members: Members, temperature: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the query, weight and lineage of every member of every neighbour, (M,) each."""
    place_M, lineage_M = members_of(rows_QK, members)
    weights = np.exp((similarities_QK - similarities_QK[:, :1]) / temperature).reshape(-1)
    sizes = np.bincount(place_M, minlength=len(weights))
    return place_M // rows_QK.shape[1], (weights / sizes)[place_M], lineage_M


def _heaviest(
    query_M: np.ndarray,
    code_M: np.ndarray,
    weight_M: np.ndarray,
    counted_M: np.ndarray,
    queries: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each query's code of the greatest summed weight (-1 for none) and that weight."""
    winner_Q, best_Q = np.full(queries, -1, np.int64), np.zeros(queries)
    if not counted_M.any():
        return winner_Q, best_Q
    key_M = np.stack([query_M[counted_M], code_M[counted_M]], 1)
    pairs, group = np.unique(key_M, axis=0, return_inverse=True)
    weights = np.bincount(group.reshape(-1), weight_M[counted_M])
    # Compared rounded, so that the order of a sum cannot decide between equal votes.
    order = np.lexsort((pairs[:, 1], -np.round(weights, 9), pairs[:, 0]))
    queries_found, first = np.unique(pairs[order, 0], return_index=True)
    winner_Q[queries_found] = pairs[order[first], 1]
    best_Q[queries_found] = weights[order[first]]
    return winner_Q, best_Q
