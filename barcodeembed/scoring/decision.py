"""The decision: one status, one placement, for each query. Pure functions on arrays.

Shapes: Q queries, R ranks, highest first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Below this probability that its taxon is in the reference, a query is new at that rank.
_NOVEL_BELOW = 0.5


@dataclass(frozen=True, slots=True)
class Decisions:
    """``status`` (Q,) of `vocabulary.STATUSES`; ``placed`` and ``novel`` (Q,) are ranks' numbers, -1 for none.

    ``confidence`` (Q, R) is the probability that the named taxon is the right one.
    """

    status: np.ndarray
    placed: np.ndarray
    novel: np.ndarray
    confidence: np.ndarray


def decide(
    winners_QR: np.ndarray,
    correct_QR: np.ndarray,
    in_reference_QR: np.ndarray,
    confidence_threshold: float | np.ndarray,
) -> Decisions:
    """Decide from the probabilities that each rank's name is right, and its taxon known.

    The confidence of a name is the probability that it is right. A query is novel where the
    probability that its taxon is in the reference falls under one half, at the highest rank at
    which it does; otherwise assigned if the lowest rank is carried (its confidence reaches
    ``confidence_threshold``, one for all ranks or one for each, (R,)), otherwise ambiguous. It is
    placed at the lowest carried rank above which all is known.
    """
    ranks = np.arange(winners_QR.shape[1])
    named_QR = winners_QR >= 0
    confidence_QR = np.round(np.where(named_QR, correct_QR, 0.0), 4)
    new_QR = np.round(in_reference_QR, 4) < _NOVEL_BELOW
    novel_Q = np.where(new_QR.any(1), new_QR.argmax(1), -1)
    is_novel_Q = novel_Q >= 0
    above_QR = ~is_novel_Q[:, None] | (ranks < novel_Q[:, None])
    carried_QR = named_QR & above_QR & (confidence_QR >= confidence_threshold)
    placed_Q = np.where(carried_QR.any(1), ranks[-1] - carried_QR[:, ::-1].argmax(1), -1)
    status_Q = np.where(placed_Q == ranks[-1], "assigned", "ambiguous")
    return Decisions(np.where(is_novel_Q, "novel", status_Q), placed_Q, novel_Q, confidence_QR)
