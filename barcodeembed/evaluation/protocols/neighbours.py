"""k nearest neighbours by cosine on frozen vectors, with uniform and with softmax votes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from barcodeembed.vectors.search import nearest

#: The values of k in the BarcodeMAE+ paper.
K = (1, 3, 5, 10, 20, 50)

#: Temperature of the softmax votes: the best one in the BarcodeMAE+ paper.
TEMPERATURE = 0.02

_CHUNK = 1_024


def label_by_vote(
    similarities_QK: np.ndarray, labels_QK: np.ndarray, temperature: float | None = None
) -> np.ndarray:
    """Return the label with most votes among the K neighbours of each query, int (Q,).

    A vote counts one, or with a ``temperature`` exp(similarity / temperature). If labels have equal
    votes, the lowest wins, as in scikit-learn, which the papers use.
    """
    if temperature is None:
        weights_QK = np.ones_like(similarities_QK)
    else:
        best_Q1 = similarities_QK.max(1, keepdims=True)
        weights_QK = np.exp((similarities_QK - best_Q1) / temperature)
    same_QKK = labels_QK[:, :, None] == labels_QK[:, None, :]
    votes_QK = np.einsum("qkj,qj->qk", same_QKK, weights_QK)
    winning_QK = votes_QK >= votes_QK.max(1, keepdims=True) * (1 - 1e-12)
    return np.where(winning_QK, labels_QK, np.iinfo(np.int64).max).min(1)


def predict(
    train_ND: np.ndarray, labels_N: np.ndarray, queries_QD: np.ndarray, ks: Sequence[int] = K
) -> Iterator[tuple[int, str, np.ndarray]]:
    """Yield (k, kind of votes, labels (Q,)) for each k and both kinds of votes.

    The vectors have unit length.
    """
    found = [
        nearest(train_ND, queries_QD[start : start + _CHUNK], max(ks))
        for start in range(0, len(queries_QD), _CHUNK)
    ]
    for k in ks:
        for kind, temperature in ("uniform", None), ("softmax", TEMPERATURE):
            yield (
                k,
                kind,
                np.concatenate(
                    [
                        label_by_vote(similarities[:, :k], labels_N[rows[:, :k]], temperature)
                        for similarities, rows in found
                    ]
                ),
            )
