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

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import PAD, SPECIAL_TOKENS

#: What ``prepare`` hands to ``forward``: arrays that become tensors, and plain facts.
Inputs = dict[str, Any]


class Objective(nn.Module, ABC):
    """What is learnt beside the encoder and then discarded, and the loss that teaches both.

    The encoder is handed to ``forward`` and never kept: several objectives may share it.
    """

    #: A frozen dataclass of the objective's settings, with their defaults.
    Options: ClassVar[type]

    #: Whether it serves a model that merges k-mers: not where it asks for single tokens.
    merges: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, options: Any, corpus: Corpus) -> None:
        super().__init__()
        self.config, self.options = config, options

    @abstractmethod
    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        """Turn a batch into what ``forward`` takes: arrays, and facts that are no arrays."""

    @abstractmethod
    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        """Return ``loss``, a scalar to minimise, and any further scalars worth reporting."""


class KmerPrediction(Objective):
    """Cross-entropy on k-mers, each read off the encoder's own feature at some flat place.

    ``prepare`` gives ``tokens`` and ``positions`` to read, ``padded``, and the places and classes
    that are ``predicted``.
    """

    #: Whether a token sees those before it alone.
    causal: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, options: Any, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.head = kmer_head(config)

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BTD = token_features(
            encoder,
            inputs["tokens"],
            inputs["positions"],
            causal=self.causal,
            padded=inputs["padded"],
        )
        predicted_ND = features_BTD.flatten(0, 1)[inputs["predicted"]]
        return token_losses(self.head(predicted_ND), inputs["classes"])


def padded(tokens_BT: np.ndarray) -> bool:
    """Tell whether any place is padding: without it attention needs no mask."""
    return bool((tokens_BT == PAD).any())


def token_features(encoder: Encoder, *arguments: Any, **named: Any) -> Tensor:
    """Return the encoder's features of the tokens alone, (B, T, D), the class token's left out."""
    features_BTD, _ = encoder(*arguments, **named)
    return features_BTD[:, 1:] if encoder.config.class_token else features_BTD


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
