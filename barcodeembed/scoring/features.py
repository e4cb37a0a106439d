"""What the neighbours of a query say for the taxon that they name, rank by rank, as numbers.

Shapes: Q queries, K neighbours, M members (neighbour, lineage), R ranks, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.scoring.identity import Identities
from barcodeembed.scoring.vote import Members, members_of, rescore, vote

#: The features, and whether more of one can only speak for the name. The last, length, speaks for
#: none: it says how much the others say.
FEATURES = {
    "similarity": True,  # of the nearest neighbour
    "identity": True,  # of the neighbour that counts first, aligned
    "highest_identity": True,  # of any neighbour
    "share": True,  # of the vote that the named taxon has
    "margin": True,  # of its best neighbour before the best of another taxon
    "agreement": True,  # share of the neighbours that carry it
    "spread": False,  # from the first neighbour to the last
    "length": False,  # of the query, against the reference's usual
}

#: A feature that nears its limit (1) is stretched there, up to so far from it.
_SIMILARITY_FLOOR = 0.003
_IDENTITY_FLOOR = 0.006
_SHARE_FLOOR = 0.02


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The neighbours of queries, in the order in which they count.

    ``similarities``, ``rows`` of the reference and ``scores`` are (Q, K), ``identities`` (Q, K) or
    of the first alone, (Q, 1); None where nothing was aligned.
    """

    similarities: np.ndarray
    rows: np.ndarray
    identities: Identities | None
    scores: np.ndarray

    @classmethod
    def ranked(
        cls,
        similarities: np.ndarray,
        rows: np.ndarray,
        identities: Identities | None,
        weight: float,
    ) -> Neighbours:
        """Put neighbours, the most similar first, in the order of similarity and identity."""
        if not weight or identities is None:
            return cls(similarities, rows, identities, similarities)
        scores, order = rescore(similarities, rows, identities.percents, weight)

        def ordered(values_QK: np.ndarray) -> np.ndarray:
            return np.take_along_axis(values_QK, order, 1)

        aligned = Identities(*map(ordered, identities))
        return cls(ordered(similarities), ordered(rows), aligned, scores)


def weigh(
    neighbours: Neighbours,
    members: Members,
    codes: np.ndarray,
    temperature: float,
    lengths: np.ndarray,
    median_length: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the taxon that wins the vote at each rank, int (Q, R), and its evidence (Q, R, F).

    ``codes`` int (lineages, R) numbers the taxa, -1 is unknown; ``lengths`` int (Q,) are the
    queries', in bases.
    """
    winners_QR, shares_QR = vote(neighbours.scores, neighbours.rows, members, codes, temperature)
    scores_QK = neighbours.scores
    Q, R = winners_QR.shape
    features = np.zeros((Q, R, len(FEATURES)))
    nearest_Q = neighbours.similarities.max(1)
    features[:, :, 0] = -np.log(1 + _SIMILARITY_FLOOR - np.minimum(nearest_Q, 1))[:, None]
    if neighbours.identities is not None:
        percents_QK = neighbours.identities.percents
        for f, percents_Q in ((1, percents_QK[:, 0]), (2, percents_QK.max(1))):
            features[:, :, f] = -np.log(1 + _IDENTITY_FLOOR - percents_Q / 100)[:, None]
    features[:, :, 3] = np.log((shares_QR + _SHARE_FLOOR) / (1 + _SHARE_FLOOR - shares_QR))
    place_M, lineage_M = members_of(neighbours.rows, members)
    query_M = place_M // scores_QK.shape[1]
    for r in range(R):
        code_M = codes[lineage_M, r]
        carries_M = code_M == winners_QR[query_M, r]
        same_QK, other_QK = (np.zeros(scores_QK.shape, bool) for _ in range(2))
        same_QK.flat[place_M[carries_M & (code_M >= 0)]] = True
        other_QK.flat[place_M[~carries_M & (code_M >= 0)]] = True
        best_Q = scores_QK.max(1, where=same_QK, initial=-np.inf)
        # Where no other taxon is among the neighbours it is no nearer than the last of them.
        rival_Q = scores_QK.max(1, where=other_QK, initial=-np.inf)
        rival_Q = np.where(other_QK.any(1), rival_Q, scores_QK[:, -1])
        margin_Q = np.where(same_QK.any(1), best_Q - rival_Q, 0.0)
        features[:, r, 4] = np.sqrt(np.maximum(margin_Q, 0))
        features[:, r, 5] = same_QK.mean(1)
    features[:, :, 6] = (scores_QK[:, 0] - scores_QK[:, -1])[:, None]
    features[:, :, 7] = np.log(np.clip(lengths / median_length, 1e-3, 1))[:, None]
    return winners_QR, features
