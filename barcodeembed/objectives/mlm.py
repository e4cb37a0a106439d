"""Masked language modelling: the encoder reads [MASK] instead of the hidden tokens.

From Devlin et al., arXiv 1810.04805, and for barcodes BarcodeBERT, arXiv 2311.02401. Use it for
comparison with ``maelm``.

``singularity`` keeps the embedding of [MASK] apart from those of the k-mers, so that a mask cannot
be confused with data. The property is that of masked token optimization for images (Choi et al.,
arXiv 2404.08330, "data singularity"), which there has several terms. Here it is one: the mean
squared cosine of the mask embedding with the k-mer embeddings. Its gradient moves only the mask.
Shapes: B sequences, T tokens, V k-mers, W width of an embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import Masking, targets
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import MASK, SPECIAL_TOKENS
from barcodeembed.objectives.base import Inputs, KmerPrediction, padded


class MaskedLanguageModel(KmerPrediction):
    """Masked language model (BERT, BarcodeBERT): the encoder predicts masked k-mers."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Masking):
        """Settings.

        Attributes:
            singularity: Weight of the loss that keeps the mask embedding apart from the k-mers.
        """

        singularity: float = 0.0

        def __post_init__(self) -> None:
            Masking.__post_init__(self)
            if self.singularity < 0:
                raise TrainingError(f"singularity is {self.singularity}, not positive or 0")

    def __init__(self, config: ModelConfig, options: Masking, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.site_weights = options.weights(corpus, config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        k, merge, tokens_BT = self.config.k, self.config.merge, batch.tokens_BT
        hidden_BT = self.options.hide(batch, k, rng, merge, self.site_weights)
        shown_BT, masked_BT = self.options.show(tokens_BT, hidden_BT, k, rng, merge)
        predicted, classes = targets(tokens_BT, hidden_BT)
        return {
            "tokens": np.where(masked_BT, MASK, shown_BT),
            "positions": batch.positions_BT,
            "padded": padded(tokens_BT),
            "predicted": predicted,
            "classes": classes,
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        metrics = super().forward(encoder, inputs)
        if not self.options.singularity:
            return metrics
        similarity = mask_similarity(encoder.tokens.weight)
        loss = metrics["loss"] + self.options.singularity * similarity
        return metrics | {"loss": loss, "mask_similarity": similarity}


def mask_similarity(table_VW: Tensor) -> Tensor:
    """Return the mean squared cosine of the embedding of [MASK] with those of the k-mers.

    Only the mask gets a gradient. ``table_VW`` has the embeddings, including special tokens.
    """
    kmers_VW = table_VW[SPECIAL_TOKENS:].detach()
    return F.cosine_similarity(kmers_VW.float(), table_VW[MASK].float(), dim=-1).square().mean()
