"""The decoder for masked-autoencoder pretraining. Only training checkpoints contain it.

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
    """Reconstructs the features of a whole barcode from the features of its visible tokens.

    As in MAE-LM (arXiv 2302.02060, 2502.18405), it projects the encoder's features linearly, puts
    one learned mask embedding in every hidden column, adds positions, and runs its own blocks.
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
        columns_BV: Tensor,
        real_BT: Tensor,
        positions_BT: Tensor,
        *,
        padded: bool = True,
    ) -> Tensor:
        """Return features (B, T, W) of every token.

        ``columns_BV`` has the column, 0 to T - 1, of each visible token in the whole barcode.
        Padding has column T. ``positions_BT`` has the positions of all columns in the marker or
        barcode. ``padded=False`` asserts that all of ``real_BT`` is true.
        """
        B, T = real_BT.shape
        projected_BVW = self.project(visible_BVD)
        whole_BTW = self.mask.to(projected_BVW.dtype).expand(B, T + 1, -1)
        index_BVW = columns_BV.unsqueeze(-1).expand_as(projected_BVW)
        whole_BTW = whole_BTW.scatter(1, index_BVW, projected_BVW)[:, :T]
        return self.stack(whole_BTW, positions_BT, real_BT[:, None, None, :] if padded else None)


def decoder_config(config: ModelConfig, layers: int, width: int = 0) -> ModelConfig:
    """Return the configuration of a decoder of this ``width``; 0 is the encoder's width.

    The number of heads and the inner width are scaled with the width. A decoder reads whole
    barcodes without a class token. Raises TrainingError if the width does not divide into heads.
    """
    width = width or config.width
    heads = max(1, config.heads * width // config.width)
    inner = max(1, config.feed_forward_width * width // config.width)
    try:
        return replace(
            config,
            pooling="mean",
            vector_width=None,
            causal_blocks=0,
            layers=layers,
            width=width,
            heads=heads,
            feed_forward_width=inner,
        )
    except ValueError as error:
        raise TrainingError(f"a decoder of width {width} is not possible: {error}") from None
