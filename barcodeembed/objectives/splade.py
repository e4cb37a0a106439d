"""Sparse vectors: find the other view of a barcode by a few weighted k-mers.

From SPLADE (Formal et al., arXiv 2109.10086), for language models in Mistral-SPLADE (arXiv
2408.11119). A head gives every k-mer of the vocabulary a weight, max over the tokens of
log(1 + relu(logit)), also k-mers that the barcode does not have. The score of two views is the dot
product of their weights, and the loss is InfoNCE over the batch in both directions. The FLOPS
regulariser makes the weights sparse: the sum over k-mers of the squared mean weight. Its factor
grows with the square of the fraction of the run that is done, as in the paper.

The head is not part of the model, whose vectors are the usual ones.
Shapes: B barcodes, T tokens, K k-mers (T, unless the model merges k-mers), V kinds of k-mers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.views import Views
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.base import (
    Inputs,
    Objective,
    kmer_features,
    kmer_head,
    similarities,
    token_features,
)


class SparseContrast(Objective):
    """Sparse vectors (SPLADE): find the other view by weighted k-mers, as few as possible."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Views):
        """Settings. ``flops`` is the factor of the regulariser at the end of the run."""

        flops: float = 0.01

        def __post_init__(self) -> None:
            Views.__post_init__(self)
            if self.flops < 0:
                raise TrainingError(f"flops is {self.flops}, not positive or 0")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.head = kmer_head(config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        views = [self.options.draw(batch, self.config, rng) for _ in range(2)]
        return {f"{key}_{n}": view[key] for n, view in enumerate(views) for key in view}

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        one_BV, other_BV = (self.weights(encoder, inputs, f"_{n}") for n in range(2))
        scores_BB = similarities(one_BV, other_BV)
        own_B = torch.arange(len(scores_BB), device=scores_BB.device)
        contrast = 0.5 * (F.cross_entropy(scores_BB, own_B) + F.cross_entropy(scores_BB.T, own_B))
        factor = self.options.flops * self.progress**2
        return {
            "loss": contrast + factor * (flops(one_BV) + flops(other_BV)),
            "contrast_loss": contrast,
            "accuracy": (scores_BB.argmax(-1) == own_B).float().mean(),
            "terms": (one_BV > 0).sum(1).float().mean(),
        }

    def weights(self, encoder: Encoder, inputs: Inputs, suffix: str) -> Tensor:
        """Return the weight of each kind of k-mer in each view, float32 (B, V)."""
        tokens_BK = inputs["tokens" + suffix]
        features_BTD = token_features(
            encoder, tokens_BK, inputs["positions" + suffix], padded=inputs["padded" + suffix]
        )
        logits_KV = self.head(kmer_features(features_BTD, encoder.config)).float()
        weights_BKV = logits_KV.relu().log1p().view(*tokens_BK.shape, -1)
        return weights_BKV.masked_fill((tokens_BK == PAD)[..., None], 0).amax(1)


def flops(weights_BV: Tensor) -> Tensor:
    """Return the sum of the squared mean weights (FLOPS, arXiv 2004.05665)."""
    return weights_BV.mean(0).square().sum()
