"""The interface of all objectives, and parts that several of them use.

``prepare`` runs in numpy, on the CPU. All its random choices come from the generator that it is
given. ``forward`` runs on the device, and only its dropout is random. The same seed therefore
gives the same batches for any number of processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import PAD, SPECIAL_TOKENS

#: What ``prepare`` returns for ``forward``: arrays, which become tensors, and plain values.
Inputs = dict[str, Any]


class Objective(nn.Module, ABC):
    """A loss for the encoder, with parameters of its own that are discarded after training.

    ``forward`` is called with the encoder. An objective does not store the encoder, because
    several objectives can share one.
    """

    #: A frozen dataclass of the objective's settings, with their defaults.
    Options: ClassVar[type]

    #: Whether it can train a model that merges k-mers.
    merges: ClassVar[bool] = False

    #: The fraction of the run that is done, set before each step. Only ``forward`` may depend on
    #: it, because batches are prepared in advance.
    progress: float = 0.0

    def __init__(self, config: ModelConfig, options: Any, corpus: Corpus) -> None:
        super().__init__()
        self.config, self.options = config, options

    @abstractmethod
    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        """Return the inputs of ``forward`` for a batch."""

    @abstractmethod
    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        """Return ``loss``, the scalar to minimise, and other scalars to report."""


class KmerPrediction(Objective):
    """Cross-entropy of k-mers, each predicted from the encoder's feature of one token.

    ``prepare`` returns the ``tokens`` to read, their ``positions``, whether they are ``padded``,
    the flat indices ``predicted`` of the k-mers to predict from, and the k-mer ``classes``.
    """

    #: Whether each token attends only to the tokens before it.
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
        predicted_ND = kmer_features(features_BTD, encoder.config)[inputs["predicted"]]
        return token_losses(self.head(predicted_ND), inputs["classes"])


def padded(tokens_BT: np.ndarray) -> bool:
    """Return whether any token is padding. Without padding, attention needs no mask."""
    return bool((tokens_BT == PAD).any())


def token_features(encoder: Encoder, *arguments: Any, **named: Any) -> Tensor:
    """Return the encoder's features of the tokens, (B, T, D), without the class token's."""
    features_BTD, _ = encoder(*arguments, **named)
    return features_BTD[:, 1:] if encoder.config.class_token else features_BTD


def similarities(one_ND: Tensor, other_MD: Tensor) -> Tensor:
    """Return the dot products of vectors, float32 (N, M), in full precision also under autocast.

    bf16 keeps 8 bits. The cosines of vectors that are similar would have only a few values, and a
    loss could not separate them.
    """
    with torch.autocast(one_ND.device.type, enabled=False):
        return one_ND.float() @ other_MD.float().T


def kmer_features(features_BTD: Tensor, config: ModelConfig) -> Tensor:
    """Return the features of single k-mers, (B * T * merge, D / merge).

    Each k-mer of a merged token has its own part of the token's features, as in the embedding.
    """
    return features_BTD.reshape(-1, config.width // config.merge)


def kmer_head(config: ModelConfig) -> nn.Linear:
    """Return a linear map from the features of a k-mer to the 4^k k-mers.

    Special tokens are never predicted.
    """
    kmers = config.tokenizer.vocabulary_size - SPECIAL_TOKENS
    head = nn.Linear(config.width // config.merge, kmers)
    initialise(head)
    return head


def token_losses(logits_NV: Tensor, classes_N: Tensor) -> dict[str, Tensor]:
    """Return the average cross-entropy (nats) and the accuracy of predicted k-mers.

    Both, and the gradient, are zero if there is nothing to predict.
    """
    count = max(len(classes_N), 1)
    loss = F.cross_entropy(logits_NV.float(), classes_N, reduction="sum") / count
    accuracy = (logits_NV.argmax(-1) == classes_N).sum() / count
    return {"loss": loss, "accuracy": accuracy}
