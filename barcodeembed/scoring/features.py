"""The features of a vote: numbers from which the confidence of the winning name is computed.

Shapes: Q queries, K neighbours, M members (neighbour, lineage), R ranks, F features.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from barcodeembed.scoring.identity import Identities
from barcodeembed.scoring.vote import Members, members_of, rescore, vote

#: The features, and whether a higher value can only support the name. The last ones, the CONTEXT,
#: support no name; they scale the effect of the others.
FEATURES = {
    "similarity": True,  # of the most similar neighbour
    "identity": True,  # of the first neighbour, by alignment; of prototypes, by shared k-mers
    "highest_identity": True,  # the highest identity of all neighbours
    "share": True,  # fraction of the vote for the winning taxon
    "margin": True,  # its best score minus the best score of another taxon
    "agreement": True,  # fraction of the neighbours that have its name
    "spread": False,  # score of the first neighbour minus score of the last
    "errors": False,  # expected fraction of wrong bases in the query
    "length": False,  # of the query, relative to the median of the references
}

#: Number of features, the last ones, that say how much the others can be relied on.
CONTEXT = 2

#: Features near their maximum (1) are on a logarithmic scale of the distance plus this floor.
_SIMILARITY_FLOOR = 0.003
_IDENTITY_FLOOR = 0.006
_SHARE_FLOOR = 0.02


class Closest(NamedTuple):
    """How close a query is to the references.

    ``similarity`` and ``shared`` (fraction of k-mers, 0 if not known) are the highest of all
    neighbours, and ``identity`` is the percent identity of the first one, or None.
    """

    similarity: float
    identity: float | None
    shared: float


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The closest references of queries, by score.

    ``similarities``, ``rows`` of the reference and ``scores`` are (Q, K). ``identities`` are
    (Q, K), or (Q, 1) for the first neighbour only, or None if nothing was aligned. The percent
    identity of a neighbour that was not aligned is NaN. If the reference has no sequences,
    ``shared`` (Q, K) are the fractions of k-mers that the neighbours share.
    """

    similarities: np.ndarray
    rows: np.ndarray
    identities: Identities | None
    scores: np.ndarray
    shared: np.ndarray | None = None

    @property
    def closeness(self) -> np.ndarray | None:
        """The identities as fractions, or else the fractions of shared k-mers, or None."""
        return self.shared if self.identities is None else self.identities.percents / 100

    def closest(self, i: int) -> Closest:
        """Return how close query ``i`` is. Neighbours are not in the order of their similarity."""
        identity = None if self.identities is None else float(self.identities.percents[i, 0])
        return Closest(
            float(self.similarities[i].max()),
            None if identity is None or np.isnan(identity) else identity,
            0.0 if self.shared is None else float(self.shared[i].max()),
        )

    @classmethod
    def ranked(
        cls,
        similarities: np.ndarray,
        rows: np.ndarray,
        identities: Identities | None,
        weight: float,
        shared: np.ndarray | None = None,
    ) -> Neighbours:
        """Sort neighbours by similarity plus ``weight`` times identity, or ``shared`` k-mers."""
        given = cls(similarities, rows, identities, similarities, shared)
        closeness = given.closeness
        if not weight or closeness is None:
            return given
        scores, order = rescore(similarities, rows, closeness, weight)

        def ordered(values_QK: np.ndarray) -> np.ndarray:
            return np.take_along_axis(values_QK, order, 1)

        return cls(
            ordered(similarities),
            ordered(rows),
            None if identities is None else Identities(*map(ordered, identities)),
            scores,
            None if shared is None else ordered(shared),
        )

    @classmethod
    def join(cls, parts: Sequence[Neighbours], order: np.ndarray) -> Neighbours:
        """Concatenate the neighbours of several groups of queries, in another order."""

        def joined(arrays: Iterable[np.ndarray]) -> np.ndarray:
            return np.concatenate(list(arrays))[order]

        aligned = [part.identities for part in parts if part.identities is not None]
        shared = [part.shared for part in parts if part.shared is not None]
        width = max((part.percents.shape[1] for part in aligned), default=0)
        widened = [part.widened(width) for part in aligned]
        return cls(
            joined(part.similarities for part in parts),
            joined(part.rows for part in parts),
            Identities(*map(joined, zip(*widened, strict=True))) if widened else None,
            joined(part.scores for part in parts),
            joined(shared) if shared else None,
        )

    def first(self, count: int) -> Neighbours:
        """Return only the first ``count`` neighbours of each query."""

        def cut(values_QK: np.ndarray) -> np.ndarray:
            return values_QK[:, :count]

        aligned = None if self.identities is None else Identities(*map(cut, self.identities))
        shared = None if self.shared is None else cut(self.shared)
        return Neighbours(cut(self.similarities), cut(self.rows), aligned, cut(self.scores), shared)


def vote_features(
    neighbours: Neighbours,
    members: Members,
    codes: np.ndarray,
    temperatures: np.ndarray,
    lengths: np.ndarray,
    errors: np.ndarray,
    complete_length: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the taxon that wins the vote at each rank, int (Q, R), and its features (Q, R, F).

    ``codes`` int (lineages, R) are the numbers of the taxa, -1 if unknown. ``temperatures`` (Q, R)
    are those of the vote, ``lengths`` int (Q,) the numbers of bases that were read, and ``errors``
    (Q,) the fractions of them that are expected to be wrong.
    """
    winners_QR, shares_QR = vote(neighbours.scores, neighbours.rows, members, codes, temperatures)
    scores_QK = neighbours.scores
    Q, R = winners_QR.shape
    features = np.zeros((Q, R, len(FEATURES)))
    nearest_Q = neighbours.similarities.max(1)
    features[:, :, 0] = -np.log(1 + _SIMILARITY_FLOOR - np.minimum(nearest_Q, 1))[:, None]
    closeness_QK = neighbours.closeness
    if closeness_QK is not None:
        for f, closeness_Q in ((1, closeness_QK[:, 0]), (2, np.nanmax(closeness_QK, 1))):
            features[:, :, f] = -np.log(1 + _IDENTITY_FLOOR - closeness_Q)[:, None]
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
        # If no other taxon is among the neighbours, use the score of the last neighbour.
        rival_Q = scores_QK.max(1, where=other_QK, initial=-np.inf)
        rival_Q = np.where(other_QK.any(1), rival_Q, scores_QK[:, -1])
        margin_Q = np.where(same_QK.any(1), best_Q - rival_Q, 0.0)
        features[:, r, 4] = np.sqrt(np.maximum(margin_Q, 0))
        features[:, r, 5] = same_QK.mean(1)
    features[:, :, 6] = (scores_QK[:, 0] - scores_QK[:, -1])[:, None]
    features[:, :, 7] = errors[:, None]
    features[:, :, 8] = np.log(np.clip(lengths / complete_length, 1e-3, 1))[:, None]
    return winners_QR, features
