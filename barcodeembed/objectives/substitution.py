"""What the objectives that replace tokens share: which, by what, and how detection is judged.

Shapes: B sequences, T tokens, D width, N tokens in question.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.masking import choose_hidden
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import SPECIAL_TOKENS


@dataclass(frozen=True, slots=True)
class Substitution:
    """``replace_ratio`` of the tokens are replaced, those with an ambiguous base never."""

    replace_ratio: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.replace_ratio < 1:
            raise TrainingError(f"replace_ratio is {self.replace_ratio}, not between 0 and 1")

    def choose(self, tokens_BT: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Choose the k-mers to replace; bool (B, T)."""
        return choose_hidden(tokens_BT, self.replace_ratio, rng) & (tokens_BT >= SPECIAL_TOKENS)


def random_others(classes_N: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw another k-mer for each, all of them equally likely."""
    return (classes_N + rng.integers(1, 4**k, len(classes_N))) % 4**k


def replace(tokens_BT: np.ndarray, places_N: np.ndarray, classes_N: np.ndarray) -> np.ndarray:
    """Return the tokens with these k-mers at these flat places."""
    replaced_BT = tokens_BT.copy()
    replaced_BT.reshape(-1)[places_N] = classes_N + SPECIAL_TOKENS
    return replaced_BT


def known_places(tokens_BT: np.ndarray) -> np.ndarray:
    """Return the flat places of the k-mers: neither padding nor a token with an ambiguous base."""
    return np.flatnonzero(tokens_BT >= SPECIAL_TOKENS)


def detection_head(config: ModelConfig) -> nn.Linear:
    """Make the linear map from a token's feature to the log-odds that it was replaced."""
    head = nn.Linear(config.width, 1)
    initialise(head)
    return head


def detection_losses(logits_N: Tensor, replaced_N: Tensor) -> dict[str, Tensor]:
    """Return the mean binary cross-entropy (nats), the accuracy and the recall of the replaced.

    Calling everything original is accurate too where few are replaced: hence the recall. With
    nothing to judge all are zero, and so is the gradient.
    """
    count = max(len(logits_N), 1)
    loss = F.binary_cross_entropy_with_logits(logits_N.float(), replaced_N.float(), reduction="sum")
    found_N = logits_N > 0
    hits = (found_N & replaced_N).sum()
    return {
        "loss": loss / count,
        "accuracy": (found_N == replaced_N).sum() / count,
        "recall": hits / replaced_N.sum().clamp(min=1),
    }
