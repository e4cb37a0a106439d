"""MAE-LM: the encoder reads only the visible tokens, and a decoder predicts the hidden ones.

From Meng et al., arXiv 2302.02060, and for barcodes Safari et al., arXiv 2502.18405 (BarcodeMAE).
Shapes: B sequences, T tokens, K k-mers (T, unless the model merges k-mers), V visible tokens, N
targets.
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
from barcodeembed.model.tokenizer import MASK, PAD
from barcodeembed.objectives.base import (
    Inputs,
    Objective,
    kmer_features,
    kmer_head,
    padded,
    token_losses,
)


class MaskedAutoencoder(Objective):
    """Masked autoencoder (MAE-LM, BarcodeMAE): a decoder predicts the hidden k-mers."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Masking):
        """Settings.

        Attributes:
            decoder_layers: Blocks of the decoder.
            decoder_width: Width of the decoder; 0 is the width of the encoder.
            encoder_masks: Let the encoder read [MASK] at the hidden positions, as in BERT, and give
                the decoder its features of all positions. This is the control of the papers: it
                has the decoder, but not the encoder without masks.
        """

        decoder_layers: int = 2
        decoder_width: int = 0
        encoder_masks: bool = False

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.decoder = MaskedDecoder(config, options.decoder_layers, options.decoder_width)
        self.head = kmer_head(self.decoder.config)
        self.site_weights = options.weights(corpus, config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        k, merge, tokens_BK = self.config.k, self.config.merge, batch.tokens_BT
        hidden_BK = self.hide(batch, rng)
        shown_BK, masked_BK = self.options.show(tokens_BK, hidden_BK, k, rng, merge)
        visible_BK = tokens_BK != PAD
        if self.options.encoder_masks:
            shown_BK = np.where(masked_BK, MASK, shown_BK)
        else:
            visible_BK = visible_BK & ~masked_BK
        real_BT, visible_BT = tokens_BK[:, ::merge] != PAD, visible_BK[:, ::merge]
        columns_BT = np.broadcast_to(np.arange(real_BT.shape[1]), real_BT.shape)
        predicted, classes = targets(tokens_BK, hidden_BK)
        visible_BV = gather_rows(shown_BK, visible_BK, PAD, least=merge)
        return {
            "visible": visible_BV,
            "visible_columns": gather_rows(columns_BT, visible_BT, real_BT.shape[1]),
            "real": real_BT,
            "positions": batch.positions_BT,
            "visible_padded": padded(visible_BV),
            "padded": padded(tokens_BK),
            "predicted": predicted,
            "classes": classes,
        }

    def hide(self, batch: Batch, rng: np.random.Generator) -> np.ndarray:
        """Choose the k-mers to hide and predict, bool (B, K)."""
        config = self.config
        return self.options.hide(batch, config.k, rng, config.merge, self.site_weights)

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
        hidden_ND = kmer_features(rebuilt_BTD, self.decoder.config)[inputs["predicted"]]
        return features_BVD, real_BV, hidden_ND


def visible_positions(inputs: Inputs) -> Tensor:
    """Return the positions of the visible tokens, (B, V)."""
    # Padding has the column after the last one, which has no position.
    columns_BV = inputs["visible_columns"].clamp(max=inputs["positions"].shape[1] - 1)
    return inputs["positions"].gather(1, columns_BV)
