"""Which tokens of a batch are hidden, in numpy.

Shapes: B sequences, T tokens.
"""

from __future__ import annotations

import numpy as np

from barcodeembed.tokenizer import PAD, SPECIAL_TOKENS


def choose_hidden(tokens_BT: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """Choose uniformly ``round(ratio * n)`` of each sequence's n real tokens; bool (B, T).

    The count is fixed by the length, so that equal barcodes leave equally many tokens visible
    and a batch of them needs no padding. One token at least stays visible, and one is hidden
    where there are two.
    """
    real_BT = tokens_BT != PAD
    lengths_B = real_BT.sum(1)
    counts_B = np.clip(np.rint(ratio * lengths_B), np.minimum(1, lengths_B - 1), lengths_B - 1)
    draws_BT = np.where(real_BT, rng.random(tokens_BT.shape, np.float32), np.inf)
    ranks_BT = draws_BT.argsort(1).argsort(1)
    return ranks_BT < counts_B[:, None]


def gather_rows(values_BT: np.ndarray, chosen_BT: np.ndarray, fill: int) -> np.ndarray:
    """Move the chosen entries of each row to its front, in order, and fill up to the longest."""
    counts_B = chosen_BT.sum(1)
    gathered = np.full((len(values_BT), max(int(counts_B.max(initial=0)), 1)), fill, np.int64)
    gathered[np.arange(gathered.shape[1]) < counts_B[:, None]] = values_BT[chosen_BT]
    return gathered


def targets(tokens_BT: np.ndarray, predicted_BT: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat places (N,) and k-mer classes (N,) to be predicted.

    Tokens with an ambiguous base are nobody's target.
    """
    places = np.flatnonzero(predicted_BT & (tokens_BT >= SPECIAL_TOKENS))
    return places, tokens_BT.reshape(-1)[places] - SPECIAL_TOKENS
