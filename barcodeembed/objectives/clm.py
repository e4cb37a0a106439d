"""Causal language modelling: predict each k-mer from those before it.

It trains all weights of the encoder; only the attention mask differs from inference. Use it for
comparison with ``maelm``, or before it in the biphasic schedule of arXiv 2507.00994.
Shapes: B sequences, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import targets
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.base import Inputs, KmerPrediction, padded


class CausalLanguageModel(KmerPrediction):
    """Causal language model (as in GPT): predict each k-mer from the k-mers before it."""

    causal = True
    merges = True

    @dataclass(frozen=True, slots=True)
    class Options:
        pass

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        if config.class_token:
            raise TrainingError(
                "clm cannot train a class token, which sees no k-mer; use mean pooling"
            )

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT, merge = batch.tokens_BT, self.config.merge
        next_BT = np.pad(tokens_BT[:, merge:], ((0, 0), (0, merge)), constant_values=PAD)
        predicted, classes = targets(next_BT, next_BT != PAD)
        return {
            "tokens": tokens_BT,
            "positions": batch.positions_BT,
            "padded": padded(tokens_BT),
            "predicted": predicted,
            "classes": classes,
        }
