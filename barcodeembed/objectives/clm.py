"""Causal language modelling: each token is predicted from those before it.

The weights are the encoder's own; only the attention mask differs from inference. It stands
beside ``maelm`` as the comparison, and before it in the biphasic schedule of arXiv 2507.00994.
Shapes: B sequences, T tokens, N targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.base import Inputs, Objective, kmer_head, token_losses
from barcodeembed.tokenizer import PAD
from barcodeembed.training.batches import Batch
from barcodeembed.training.corpus import Corpus
from barcodeembed.training.masking import targets


class CausalLanguageModel(Objective):
    """Cross-entropy on the next unambiguous k-mer."""

    @dataclass(frozen=True, slots=True)
    class Options:
        pass

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        if config.class_token:
            raise TrainingError("clm needs mean pooling: its class token would see nothing")
        self.head = kmer_head(config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT = batch.tokens_BT
        later_BT = np.pad(tokens_BT[:, 1:], ((0, 0), (0, 1)), constant_values=PAD)
        predicted, classes = targets(later_BT, later_BT != PAD)
        return {
            "tokens": tokens_BT,
            "positions": batch.positions_BT,
            "predicted": predicted,
            "classes": classes,
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BTD, _ = encoder(inputs["tokens"], inputs["positions"], causal=True)
        before_ND = features_BTD.flatten(0, 1)[inputs["predicted"]]
        return token_losses(self.head(before_ND), inputs["classes"])
