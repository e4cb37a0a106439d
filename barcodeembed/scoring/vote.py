"""The vote of the closest references at each rank.

Weights are a softmax of the similarity with a temperature, as in BarcodeMAE+ (temperature 0.02):
``w = exp((similarity - best) / temperature)``. Ranks can have different temperatures: for the
species the closest reference counts most, and for the family of a new genus the majority does.

Shapes: Q queries, K neighbours, M members (neighbour, lineage), R ranks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEMPERATURE = 0.02

#: One record with another name than this number of identical records is taken to be mislabelled.
MISLABELLED = 10


@dataclass(frozen=True, slots=True)
class Members:
    """The distinct lineages of each reference vector.

    Those of vector v are ``lineages[starts[v]:starts[v + 1]]``. A barcode that several species
    share has several lineages. ``records`` are the first record of each, and ``counts`` the number
    of records.
    """

    starts: np.ndarray
    lineages: np.ndarray
    records: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, lineages: np.ndarray, count: int) -> Members:
        """Group the (vector, lineage) pairs of records, int (n,) each, of ``count`` vectors."""
        distinct = int(lineages.max(initial=0)) + 1
        pairs, first, counts = np.unique(
            vectors * distinct + lineages, return_index=True, return_counts=True
        )
        of_pairs, lineages_of = np.divmod(pairs, distinct)
        starts = np.searchsorted(of_pairs, np.arange(count + 1))
        return cls(starts, lineages_of, first, counts)

    def supported(self, codes: np.ndarray) -> Members:
        """Return the members without those whose name at the lowest rank has too few records.

        ``codes`` int (lineages, R) are the numbers of the taxa. See `supported`.
        """
        vectors = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        taxa = codes[self.lineages, -1]
        groups, group = np.unique(np.stack([vectors, taxa], 1), axis=0, return_inverse=True)
        group = group.reshape(-1)
        records = np.bincount(group, self.counts, len(groups)).astype(np.int64)
        named = groups[:, 1] >= 0
        keep = np.ones(len(groups), bool)
        keep[named] = supported(records[named], groups[named, 0])
        kept = keep[group]
        starts = np.searchsorted(vectors[kept], np.arange(len(self.starts)))
        return Members(starts, self.lineages[kept], self.records[kept], self.counts[kept])


def supported(records: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return which taxa of a barcode have enough records not to be an incorrect name, bool (n,).

    ``records`` int (n,) are the records of each taxon, and ``groups`` int (n,) the barcode. A taxon
    is left out if it has one record and the taxon with most records has at least MISLABELLED.

    >>> supported(np.array([20, 1, 5, 1]), np.array([0, 0, 1, 1])).tolist()
    [True, False, True, True]
    """
    most = np.zeros(groups.max(initial=-1) + 1, np.int64)
    np.maximum.at(most, groups, records)
    return (records > 1) | (most[groups] < MISLABELLED)


def rescore(
    similarities_QK: np.ndarray, rows_QK: np.ndarray, closeness_QK: np.ndarray, weight: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores, highest first, and the order of the neighbours by score, (Q, K) each.

    The score is the similarity plus ``weight`` times the closeness, which is a fraction such as the
    identity. Neighbours with equal scores are in the order of their rows.
    """
    scores_QK = np.round(similarities_QK + weight * closeness_QK, 6)
    order_QK = np.lexsort((rows_QK, -scores_QK))
    return np.take_along_axis(scores_QK, order_QK, 1), order_QK


def vote(
    similarities_QK: np.ndarray,
    rows_QK: np.ndarray,
    members: Members,
    codes: np.ndarray,
    temperatures: float | np.ndarray = TEMPERATURE,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the winning taxon of each rank, int (Q, R), and its fraction of the vote, (Q, R).

    Similarities, or scores, are sorted, highest first. ``codes`` int (lineages, R) are the numbers
    of the taxa; -1 is unknown, and is the winner if no neighbour has a name. ``temperatures`` are
    one for all, or an array that fits (Q, R). The weight of a vector with several lineages is
    divided among them. The winner of a rank is within the winner of the rank above. Its fraction is
    of all votes with a name at the rank, and is at most the fraction of the rank above. If votes
    are equal, the first name in alphabetical order wins.
    """
    place_M, lineage_M = members_of(rows_QK, members)
    query_M = place_M // rows_QK.shape[1]
    queries, ranks = len(similarities_QK), codes.shape[1]
    temperatures_QR = np.broadcast_to(temperatures, (queries, ranks))
    below_best_QK = similarities_QK - similarities_QK[:, :1]
    sizes_M = np.bincount(place_M, minlength=rows_QK.size)[place_M]
    winners_QR = np.full((queries, ranks), -1, np.int64)
    shares_QR = np.zeros((queries, ranks))
    eligible_M = np.ones(len(query_M), bool)
    above_Q = np.ones(queries)
    for rank in range(ranks):
        weights_QK = np.exp(below_best_QK / temperatures_QR[:, rank : rank + 1])
        weight_M = weights_QK.reshape(-1)[place_M] / sizes_M
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
    """Return the index, in flattened (Q, K), and the lineage of every member, (M,) each."""
    member_M, place_M = members_at(rows_QK, members)
    return place_M, members.lineages[member_M]


def members_at(rows_QK: np.ndarray, members: Members) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of every member, and its index in flattened (Q, K), (M,) each."""
    rows = rows_QK.reshape(-1)
    counts = members.starts[rows + 1] - members.starts[rows]
    first = np.repeat(members.starts[rows], counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return first + within, np.repeat(np.arange(len(rows)), counts)


def _heaviest(
    query_M: np.ndarray,
    code_M: np.ndarray,
    weight_M: np.ndarray,
    counted_M: np.ndarray,
    queries: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the code with the largest sum of weights for each query (-1 for none), and the sum."""
    winner_Q, best_Q = np.full(queries, -1, np.int64), np.zeros(queries)
    if not counted_M.any():
        return winner_Q, best_Q
    taxa = int(code_M.max()) + 1
    pairs, group = np.unique(query_M[counted_M] * taxa + code_M[counted_M], return_inverse=True)
    query, code = np.divmod(pairs, taxa)
    weights = np.bincount(group.reshape(-1), weight_M[counted_M])
    # Sums are rounded, so that the order of addition cannot decide between equal votes.
    order = np.lexsort((code, -np.round(weights, 9), query))
    queries_found, first = np.unique(query[order], return_index=True)
    winner_Q[queries_found] = code[order[first]]
    best_Q[queries_found] = weights[order[first]]
    return winner_Q, best_Q
