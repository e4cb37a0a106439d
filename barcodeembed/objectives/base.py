"""The protocol of an objective.

``prepare`` runs on numpy arrays, away from the device, and draws every random choice from the
generator it is given; ``forward`` runs on the device and draws none but dropout. So the same
seed gives the same batch whatever the number of processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.tokenizer import SPECIAL_TOKENS


class Objective(nn.Module, ABC):
    """An encoder in training, with what the objective adds to it and will discard."""

    #: A frozen dataclass of the objective's settings, with their defaults.
    Options: ClassVar[type]

    encoder: Encoder

    def __init__(self, encoder: Encoder, options: Any) -> None:
        super().__init__()
        self.encoder, self.options = encoder, options

    @abstractmethod
    def prepare(self, tokens_BT: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Turn padded tokens, int64 (B, T), into the arrays that ``forward`` takes."""

    @abstractmethod
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return ``loss``, a scalar to minimise, and any further scalars worth reporting."""


def kmer_head(config: ModelConfig) -> nn.Linear:
    """Make the linear map from features to the 4^k k-mers; specials are never predicted."""
    head = nn.Linear(config.width, config.tokenizer.vocabulary_size - SPECIAL_TOKENS)
    initialise(head)
    return head


def token_losses(logits_NV: Tensor, classes_N: Tensor) -> dict[str, Tensor]:
    """Return the mean cross-entropy (nats) and the accuracy of predicted k-mers.

    With nothing to predict both are zero, and so is the gradient.
    """
    count = max(len(classes_N), 1)
    loss = F.cross_entropy(logits_NV.float(), classes_N, reduction="sum") / count
    accuracy = (logits_NV.argmax(-1) == classes_N).sum() / count
    return {"loss": loss, "accuracy": accuracy}
