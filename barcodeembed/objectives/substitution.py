"""Common parts of the objectives that replace tokens: choice, replacement and detection loss.

Shapes: B sequences, T tokens, D width, N k-mers to judge or replace.
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
    """Settings. ``replace_ratio`` is the fraction of tokens to replace, never ambiguous ones."""

    replace_ratio: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.replace_ratio < 1:
            raise TrainingError(f"replace_ratio is {self.replace_ratio}, not between 0 and 1")

    def choose(self, tokens_BT: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Choose the k-mers to replace, bool (B, T)."""
        return choose_hidden(tokens_BT, self.replace_ratio, rng) & (tokens_BT >= SPECIAL_TOKENS)


def random_others(classes_N: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw another k-mer for each, with equal probabilities."""
    return (classes_N + rng.integers(1, 4**k, len(classes_N))) % 4**k


def replace(tokens_BT: np.ndarray, indices_N: np.ndarray, classes_N: np.ndarray) -> np.ndarray:
    """Return the tokens with these k-mers at these flat indices."""
    replaced_BT = tokens_BT.copy()
    replaced_BT.reshape(-1)[indices_N] = classes_N + SPECIAL_TOKENS
    return replaced_BT


def kmer_indices(tokens_BT: np.ndarray) -> np.ndarray:
    """Return the flat indices of k-mers without ambiguous bases. Padding is left out."""
    return np.flatnonzero(tokens_BT >= SPECIAL_TOKENS)


def detection_head(config: ModelConfig) -> nn.Linear:
    """Return a linear map from a k-mer's features to the log-odds that it was replaced."""
    head = nn.Linear(config.width // config.merge, 1)
    initialise(head)
    return head


def detect(
    head: nn.Linear, features_BTD: Tensor, judged_N: Tensor, replaced_N: Tensor
) -> dict[str, Tensor]:
    """Judge the k-mers at these flat indices from their features; see `detection_losses`."""
    return detection_losses(judge(head, features_BTD, judged_N), replaced_N)


def judge(head: nn.Linear, features_BTD: Tensor, judged_N: Tensor) -> Tensor:
    """Return the log-odds (N,) that the k-mers at these flat indices were replaced.

    Each k-mer of a merged token has its own part of the token's features.
    """
    return head(features_BTD.reshape(-1, head.in_features)[judged_N]).squeeze(-1)


def detection_losses(logits_N: Tensor, replaced_N: Tensor) -> dict[str, Tensor]:
    """Return the average binary cross-entropy (nats), the accuracy and the recall.

    Recall is the fraction of replaced tokens that are detected. It is reported because accuracy is
    high even if no token is detected, as few tokens are replaced. All values, and the gradient,
    are zero if there are no tokens.
    """
    count = max(len(logits_N), 1)
    loss = F.binary_cross_entropy_with_logits(logits_N.float(), replaced_N.float(), reduction="sum")
    detected_N = logits_N > 0
    hits = (detected_N & replaced_N).sum()
    return {
        "loss": loss / count,
        "accuracy": (detected_N == replaced_N).sum() / count,
        "recall": hits / replaced_N.sum().clamp(min=1),
    }
