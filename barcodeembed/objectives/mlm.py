"""Masked language modelling: the encoder reads [MASK] instead of the hidden tokens.

From Devlin et al., arXiv 1810.04805, and for barcodes BarcodeBERT, arXiv 2311.02401. Use it for
comparison with ``maelm``. Shapes: B sequences, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.masking import Masking, targets
from barcodeembed.model.tokenizer import MASK
from barcodeembed.objectives.base import Inputs, KmerPrediction, padded


class MaskedLanguageModel(KmerPrediction):
    """Masked language model (BERT, BarcodeBERT): the encoder predicts masked k-mers."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Masking):
        pass

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        k, merge, tokens_BT = self.config.k, self.config.merge, batch.tokens_BT
        hidden_BT = self.options.hide(batch, k, rng, merge)
        shown_BT, masked_BT = self.options.show(tokens_BT, hidden_BT, k, rng, merge)
        predicted, classes = targets(tokens_BT, hidden_BT)
        return {
            "tokens": np.where(masked_BT, MASK, shown_BT),
            "positions": batch.positions_BT,
            "padded": padded(tokens_BT),
            "predicted": predicted,
            "classes": classes,
        }
