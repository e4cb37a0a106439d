"""The decoder of masked-autoencoder pretraining; it never leaves the training checkpoint.

Shapes: B sequences, V visible tokens, T tokens of the whole barcode, D the encoder's width.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from barcodeembed.model.config import ModelConfig
from barcodeembed.model.layers import Stack, initialise


class MaskedDecoder(nn.Module):
    """Rebuilds a whole barcode's features from those of its visible tokens.

    As in MAE-LM (arXiv 2302.02060, 2502.18405): a linear projection of the encoder's features,
    one learned mask embedding at every hidden place, positions, and a stack of its own.
    """

    def __init__(self, config: ModelConfig, layers: int) -> None:
        super().__init__()
        # What the decoder's layers see is whole barcodes, never the class token.
        self.project = nn.Linear(config.width, config.width)
        self.mask = nn.Parameter(torch.empty(config.width).normal_(std=0.02))
        self.stack = Stack(replace(config, pooling="mean"), layers)
        initialise(self.project)

    def forward(self, visible_BVD: Tensor, places_BV: Tensor, real_BT: Tensor) -> Tensor:
        """Return features (B, T, D) of every place.

        ``places_BV`` says where each visible token stands; T, a place past the end, is where
        padding goes.
        """
        B, T = real_BT.shape
        projected_BVD = self.project(visible_BVD)
        whole_BTD = self.mask.to(projected_BVD.dtype).expand(B, T + 1, -1)
        index_BVD = places_BV.unsqueeze(-1).expand_as(projected_BVD)
        whole_BTD = whole_BTD.scatter(1, index_BVD, projected_BVD)[:, :T]
        positions_BT = torch.arange(T, device=real_BT.device).expand(B, T)
        return self.stack(whole_BTD, positions_BT, real_BT[:, None, None, :])
