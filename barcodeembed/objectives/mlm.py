"""Masked language modelling: the encoder itself reads [MASK] in place of the hidden tokens.

Devlin et al., arXiv 1810.04805; for barcodes BarcodeBERT, arXiv 2311.02401. It stands beside
``maelm`` as the comparison. Shapes: B sequences, T tokens, N targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.base import (
    Inputs,
    Objective,
    kmer_head,
    padded,
    token_features,
    token_losses,
)
from barcodeembed.tokenizer import MASK
from barcodeembed.training.batches import Batch
from barcodeembed.training.corpus import Corpus
from barcodeembed.training.masking import Masking, targets


class MaskedLanguageModel(Objective):
    """Cross-entropy on hidden, unambiguous k-mers, shown as [MASK] unless set otherwise."""

    @dataclass(frozen=True, slots=True)
    class Options(Masking):
        pass

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.head = kmer_head(config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        k, tokens_BT = self.config.k, batch.tokens_BT
        hidden_BT = self.options.hide(batch, k, rng)
        shown_BT, masked_BT = self.options.show(tokens_BT, hidden_BT, k, rng)
        predicted, classes = targets(tokens_BT, hidden_BT)
        return {
            "tokens": np.where(masked_BT, MASK, shown_BT),
            "positions": batch.positions_BT,
            "padded": padded(tokens_BT),
            "predicted": predicted,
            "classes": classes,
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BTD = token_features(
            encoder, inputs["tokens"], inputs["positions"], padded=inputs["padded"]
        )
        hidden_ND = features_BTD.flatten(0, 1)[inputs["predicted"]]
        return token_losses(self.head(hidden_ND), inputs["classes"])
