"""Causal language modelling: each token is predicted from those before it.

The weights are the encoder's own; only the attention mask differs from inference. It stands
beside ``maelm`` as the comparison. Shapes: B sequences, T tokens, N targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from barcodeembed.errors import TrainingError
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.base import Objective, kmer_head, token_losses
from barcodeembed.tokenizer import PAD
from barcodeembed.training.masking import targets


class CausalLanguageModel(Objective):
    """Cross-entropy on the next unambiguous k-mer."""

    @dataclass(frozen=True, slots=True)
    class Options:
        pass

    def __init__(self, encoder: Encoder, options: Options) -> None:
        super().__init__(encoder, options)
        if encoder.config.class_token:
            raise TrainingError("clm needs mean pooling: its class token would see nothing")
        self.head = kmer_head(encoder.config)

    def prepare(self, tokens_BT: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        later_BT = np.pad(tokens_BT[:, 1:], ((0, 0), (0, 1)), constant_values=PAD)
        predicted, classes = targets(later_BT, later_BT != PAD)
        return {"tokens": tokens_BT, "predicted": predicted, "classes": classes}

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        features_BTD, _ = self.encoder(inputs["tokens"], causal=True)
        before_ND = features_BTD.flatten(0, 1)[inputs["predicted"]]
        return token_losses(self.head(before_ND), inputs["classes"])
