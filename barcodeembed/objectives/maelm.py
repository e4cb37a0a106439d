"""MAE-LM: the encoder reads the visible tokens alone, a decoder rebuilds the hidden ones.

Meng et al., arXiv 2302.02060; for barcodes Safari et al., arXiv 2502.18405 (BarcodeMAE).
Shapes: B sequences, T tokens, V visible tokens, N targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from barcodeembed.model.decoder import MaskedDecoder
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.base import Objective, kmer_head, token_losses
from barcodeembed.tokenizer import PAD
from barcodeembed.training.masking import choose_hidden, gather_rows, targets


class MaskedAutoencoder(Objective):
    """Cross-entropy on hidden, unambiguous k-mers; no mask ever enters the encoder."""

    @dataclass(frozen=True, slots=True)
    class Options:
        mask_ratio: float = 0.5
        decoder_layers: int = 2

    def __init__(self, encoder: Encoder, options: Options) -> None:
        super().__init__(encoder, options)
        self.decoder = MaskedDecoder(encoder.config, options.decoder_layers)
        self.head = kmer_head(encoder.config)

    def prepare(self, tokens_BT: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        hidden_BT = choose_hidden(tokens_BT, self.options.mask_ratio, rng)
        visible_BT = (tokens_BT != PAD) & ~hidden_BT
        places_BT = np.broadcast_to(np.arange(tokens_BT.shape[1]), tokens_BT.shape)
        predicted, classes = targets(tokens_BT, hidden_BT)
        return {
            "visible": gather_rows(tokens_BT, visible_BT, PAD),
            "places": gather_rows(places_BT, visible_BT, tokens_BT.shape[1]),
            "real": tokens_BT != PAD,
            "predicted": predicted,
            "classes": classes,
        }

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        places_BV, real_BT = inputs["places"], inputs["real"]
        # The place past the end, where padding goes, has no position of its own.
        positions_BV = places_BV.clamp(max=real_BT.shape[1] - 1)
        features_BVD, _ = self.encoder(inputs["visible"], positions_BV)
        if self.encoder.config.class_token:
            features_BVD = features_BVD[:, 1:]
        rebuilt_BTD = self.decoder(features_BVD, places_BV, real_BT)
        hidden_ND = rebuilt_BTD.flatten(0, 1)[inputs["predicted"]]
        return token_losses(self.head(hidden_ND), inputs["classes"])
