"""Decide on the status and the placement of each query. Functions on arrays.

Shapes: Q queries, R ranks, highest first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.scoring.candidates import is_fragment

#: A whole barcode is novel at a rank if its taxon is in the reference with a lower probability.
_NOVEL_BELOW = 0.5


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions on Q queries.

    Attributes:
        status: One of `vocabulary.STATUSES`, (Q,).
        placed: The number of the rank at which the query is placed, -1 for none, (Q,).
        novel: The number of the highest rank at which the query is novel, -1 for none, (Q,).
        confidence: The probability that the name is correct, (Q, R).
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
    agreed_QR: np.ndarray | None = None,
    novel_below_Q: np.ndarray | None = None,
) -> Decisions:
    """Decide from the probabilities that a name is correct and that its taxon is in the reference.

    A query is novel at the highest rank at which the probability that its taxon is in the reference
    is less than ``novel_below_Q``, (Q,), by default one half. A query that is not novel is assigned
    if its name at the lowest rank is accepted, and ambiguous otherwise. A name is accepted if its
    confidence is at least ``confidence_threshold`` (one number, or one for each rank, (R,)), and if
    ``agreed_QR``, bool (Q, R), does not refuse it (see `ties.Ties`). A query is placed at the
    lowest rank with an accepted name that is above the novel rank.
    """
    ranks = np.arange(winners_QR.shape[1])
    named_QR = winners_QR >= 0
    confidence_QR = np.round(np.where(named_QR, correct_QR, 0.0), 4)
    below_Q = np.full(len(winners_QR), _NOVEL_BELOW) if novel_below_Q is None else novel_below_Q
    new_QR = np.round(in_reference_QR, 4) < below_Q[:, None]
    novel_Q = np.where(new_QR.any(1), new_QR.argmax(1), -1)
    is_novel_Q = novel_Q >= 0
    above_QR = ~is_novel_Q[:, None] | (ranks < novel_Q[:, None])
    accepted_QR = named_QR & above_QR & (confidence_QR >= confidence_threshold)
    if agreed_QR is not None:
        accepted_QR &= agreed_QR
    placed_Q = np.where(accepted_QR.any(1), ranks[-1] - accepted_QR[:, ::-1].argmax(1), -1)
    status_Q = np.where(placed_Q == ranks[-1], "assigned", "ambiguous")
    return Decisions(np.where(is_novel_Q, "novel", status_Q), placed_Q, novel_Q, confidence_QR)


def novel_below(read_Q: np.ndarray, complete_length: float) -> np.ndarray:
    """Return the probability of being in the reference below which queries are novel, (Q,).

    ``read_Q`` are the numbers of bases that were read. A query must not be novel because little of
    it was read: half a barcode must be twice as unlikely to be in the reference as a whole one.

    >>> novel_below(np.array([658, 600, 329, 130]), 658.0).round(2).tolist()
    [0.5, 0.5, 0.25, 0.1]
    """
    fragment_Q = is_fragment(read_Q, complete_length)
    return _NOVEL_BELOW * np.where(fragment_Q, read_Q / complete_length, 1.0)
