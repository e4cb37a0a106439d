"""The decoder of masked-autoencoder pretraining; it never leaves the training checkpoint.

Shapes: B sequences, V visible tokens, T tokens of the whole barcode, D the encoder's width, W the
decoder's.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.layers import Stack, initialise


class MaskedDecoder(nn.Module):
    """Rebuilds a whole barcode's features from those of its visible tokens.

    As in MAE-LM (arXiv 2302.02060, 2502.18405): a linear projection of the encoder's features,
    one learned mask embedding at every hidden place, positions, and a stack of its own.
    """

    def __init__(self, config: ModelConfig, layers: int, width: int = 0) -> None:
        super().__init__()
        self.config = decoder_config(config, layers, width)
        self.project = nn.Linear(config.width, self.config.width)
        self.mask = nn.Parameter(torch.empty(self.config.width).normal_(std=0.02))
        self.stack = Stack(self.config, layers)
        initialise(self.project)

    def forward(
        self,
        visible_BVD: Tensor,
        places_BV: Tensor,
        real_BT: Tensor,
        positions_BT: Tensor,
        *,
        padded: bool = True,
    ) -> Tensor:
        """Return features (B, T, W) of every place.

        ``places_BV`` says where each visible token stands; T, a place past the end, is where
        padding goes. ``positions_BT`` are the places' positions in the marker or barcode.
        ``padded=False`` promises that all of ``real_BT`` is true.
        """
        B, T = real_BT.shape
        projected_BVW = self.project(visible_BVD)
        whole_BTW = self.mask.to(projected_BVW.dtype).expand(B, T + 1, -1)
        index_BVW = places_BV.unsqueeze(-1).expand_as(projected_BVW)
        whole_BTW = whole_BTW.scatter(1, index_BVW, projected_BVW)[:, :T]
        return self.stack(whole_BTW, positions_BT, real_BT[:, None, None, :] if padded else None)


def decoder_config(config: ModelConfig, layers: int, width: int = 0) -> ModelConfig:
    """Return the shape of a decoder beside an encoder: as wide, or ``width`` wide.

    A narrower one has heads and inner layers to match. What its layers see is whole barcodes,
    never the class token. Raises TrainingError where the width does not divide into heads.
    """
    width = width or config.width
    heads = max(1, config.heads * width // config.width)
    inner = max(1, config.feed_forward_width * width // config.width)
    try:
        return replace(
            config,
            pooling="mean",
            layers=layers,
            width=width,
            heads=heads,
            feed_forward_width=inner,
        )
    except ValueError as error:
        raise TrainingError(f"no decoder of width {width}: {error}") from None
