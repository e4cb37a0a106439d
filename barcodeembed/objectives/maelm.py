"""MAE-LM: the encoder reads only the visible tokens, and a decoder predicts the hidden ones.

From Meng et al., arXiv 2302.02060, and for barcodes Safari et al., arXiv 2502.18405 (BarcodeMAE).
Shapes: B sequences, T tokens, V visible tokens, N targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import Masking, gather_rows, targets
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.decoder import MaskedDecoder
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.base import Inputs, Objective, kmer_head, padded, token_losses


class MaskedAutoencoder(Objective):
    """Masked autoencoder (MAE-LM, BarcodeMAE): a decoder predicts the hidden k-mers."""

    @dataclass(frozen=True, slots=True)
    class Options(Masking):
        decoder_layers: int = 2
        decoder_width: int = 0

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.decoder = MaskedDecoder(config, options.decoder_layers, options.decoder_width)
        self.head = kmer_head(self.decoder.config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        k, tokens_BT = self.config.k, batch.tokens_BT
        hidden_BT = self.options.hide(batch, k, rng)
        shown_BT, masked_BT = self.options.show(tokens_BT, hidden_BT, k, rng)
        visible_BT = (tokens_BT != PAD) & ~masked_BT
        columns_BT = np.broadcast_to(np.arange(tokens_BT.shape[1]), tokens_BT.shape)
        predicted, classes = targets(tokens_BT, hidden_BT)
        visible_BV = gather_rows(shown_BT, visible_BT, PAD)
        return {
            "visible": visible_BV,
            "visible_columns": gather_rows(columns_BT, visible_BT, tokens_BT.shape[1]),
            "real": tokens_BT != PAD,
            "positions": batch.positions_BT,
            "visible_padded": padded(visible_BV),
            "padded": padded(tokens_BT),
            "predicted": predicted,
            "classes": classes,
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        _, _, hidden_ND = self.rebuild(encoder, inputs)
        return token_losses(self.head(hidden_ND), inputs["classes"])

    def rebuild(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Return the encoder's features, which are real, and the decoder's features of targets."""
        features_BVD, real_BV = encoder(
            inputs["visible"], visible_positions(inputs), padded=inputs["visible_padded"]
        )
        tokens_BVD = features_BVD[:, 1:] if encoder.config.class_token else features_BVD
        rebuilt_BTD = self.decoder(
            tokens_BVD,
            inputs["visible_columns"],
            inputs["real"],
            inputs["positions"],
            padded=inputs["padded"],
        )
        return features_BVD, real_BV, rebuilt_BTD.flatten(0, 1)[inputs["predicted"]]


def visible_positions(inputs: Inputs) -> Tensor:
    """Return the positions of the visible tokens, (B, V)."""
    # Padding has the column after the last one, which has no position.
    columns_BV = inputs["visible_columns"].clamp(max=inputs["positions"].shape[1] - 1)
    return inputs["positions"].gather(1, columns_BV)
