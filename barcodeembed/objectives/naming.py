"""Naming: the encoder answers with the taxon at a [MASK] after the last token.

After ModernBERT-Instruct (Clavié et al., arXiv 2502.03793), where the answer to a question is the
token that a masked language model predicts at [MASK]. Here the question is always the name of the
barcode. The feature of one [MASK] at the end of the view is compared with the taxa of each rank.
The classes, their weights and the smoothing are those of ``taxonomy``, which classifies the pooled
vector instead.
Shapes: B barcodes, T tokens, D width of the features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import MASK, PAD
from barcodeembed.objectives.base import Inputs
from barcodeembed.objectives.taxonomy import Taxonomy


class Naming(Taxonomy):
    """Naming (ModernBERT-Instruct): predict the taxon at a mask after the last token."""

    @dataclass(frozen=True, slots=True)
    class Options(Taxonomy.Options):
        pass

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        if config.causal_blocks:
            raise TrainingError(
                "naming cannot train a model with causal blocks: its [MASK] comes after the "
                "padding of short barcodes, and would read it"
            )

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        inputs, merge = super().prepare(batch, rng), self.config.merge
        tokens_BT, positions_BT = inputs["tokens"], inputs["positions"]
        real_BT = tokens_BT[:, ::merge] != PAD
        after_B = np.where(real_BT, positions_BT, -1).max(1) + 1
        # The last position of the model is also that of its last token.
        after_B = np.minimum(after_B, self.config.max_tokens - 1)
        return inputs | {
            "tokens": np.pad(tokens_BT, ((0, 0), (0, merge)), constant_values=MASK),
            "positions": np.c_[positions_BT, after_B],
        }

    @property
    def width(self) -> int:
        return self.config.width

    def vectors(self, encoder: Encoder, inputs: Inputs) -> Tensor:
        features_BTD, _ = encoder(inputs["tokens"], inputs["positions"], padded=inputs["padded"])
        return features_BTD[:, -1].float()
