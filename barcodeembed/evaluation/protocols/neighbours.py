"""kNN on frozen vectors: cosine, with uniform and with softmax votes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from barcodeembed.vectors.search import nearest

#: Numbers of neighbours that BarcodeMAE+ reports.
K = (1, 3, 5, 10, 20, 50)

#: Of the softmax votes, the best of BarcodeMAE+.
TEMPERATURE = 0.02

_CHUNK = 1_024


def vote(
    similarities_QK: np.ndarray, labels_QK: np.ndarray, temperature: float | None = None
) -> np.ndarray:
    """Return the label, int (Q,), with most votes of each query's K neighbours.

    A neighbour's vote counts one, or exp(similarity / temperature) where one is given. Of labels
    with equal votes the lowest wins, as in scikit-learn, which the papers vote with.
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
    """Yield (k, kind of votes, labels (Q,)) for each k and both kinds; rows are of unit length."""
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
                        vote(similarities[:, :k], labels_N[rows[:, :k]], temperature)
                        for similarities, rows in found
                    ]
                ),
            )
