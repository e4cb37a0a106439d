"""Masked language modelling: the encoder itself reads [MASK] in place of the hidden tokens.

Devlin et al., arXiv 1810.04805; for barcodes BarcodeBERT, arXiv 2311.02401. It stands beside
``maelm`` as the comparison. Shapes: B sequences, T tokens, N targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.base import Objective, kmer_head, token_losses
from barcodeembed.tokenizer import MASK
from barcodeembed.training.masking import choose_hidden, targets


class MaskedLanguageModel(Objective):
    """Cross-entropy on hidden, unambiguous k-mers, all of them shown as [MASK]."""

    @dataclass(frozen=True, slots=True)
    class Options:
        mask_ratio: float = 0.5

    def __init__(self, encoder: Encoder, options: Options) -> None:
        super().__init__(encoder, options)
        self.head = kmer_head(encoder.config)

    def prepare(self, tokens_BT: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        hidden_BT = choose_hidden(tokens_BT, self.options.mask_ratio, rng)
        predicted, classes = targets(tokens_BT, hidden_BT)
        return {
            "tokens": np.where(hidden_BT, MASK, tokens_BT),
            "predicted": predicted,
            "classes": classes,
        }

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        features_BTD, _ = self.encoder(inputs["tokens"])
        if self.encoder.config.class_token:
            features_BTD = features_BTD[:, 1:]
        hidden_ND = features_BTD.flatten(0, 1)[inputs["predicted"]]
        return token_losses(self.head(hidden_ND), inputs["classes"])
