"""The encoder of all commands: from k-mer tokens to features and one vector per barcode."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from barcodeembed.model.config import ModelConfig
from barcodeembed.model.layers import Stack
from barcodeembed.model.tokenizer import CLASS, PAD, SPECIAL_TOKENS, UNKNOWN
from barcodeembed.sequences.anchor import TABLE, Anchor


class Encoder(nn.Module):
    """A bidirectional transformer over k-mer tokens (arXiv 2502.18405 trains it without masks)."""

    anchor_places: Tensor
    anchor_weights: Tensor
    anchor_length: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.tokenizer.vocabulary_size, config.width // config.merge)
        self.stack = Stack(config, config.layers)
        # With pre-norm nothing normalises the embeddings. Large ones preserve the identity of each
        # k-mer in the residual path: the loss leaves its first plateau sooner, and the vectors do
        # not collapse into a few directions. BERT's post-norm rescales them at once.
        nn.init.normal_(self.tokens.weight, std=1.0 if config.norm == "pre" else 0.02)
        if config.pooling == "place":
            # Even random weights then preserve how many bases two barcodes share, and where.
            self._embed_by_bases()
            self.readout = nn.Linear(config.max_tokens * config.width, config.dimension, bias=False)
            nn.init.normal_(self.readout.weight, std=config.width**-0.5)
        if config.anchored:
            # Not int16, which processes cannot send to each other.
            self.register_buffer("anchor_places", torch.zeros(TABLE, dtype=torch.int32))
            self.register_buffer("anchor_weights", torch.zeros(TABLE))
            self.register_buffer("anchor_length", torch.zeros((), dtype=torch.int32))

    def forward(
        self,
        tokens_BT: Tensor,
        positions_BT: Tensor | None = None,
        *,
        causal: bool = False,
        padded: bool = True,
        outputs: list[Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return features (B, T, D) and which tokens are real, bool (B, T).

        ``tokens_BT`` has k-mers. If the model merges k-mers, it has ``merge`` columns per token,
        and a token is real if its first k-mer is not padding.

        ``positions_BT`` has the positions of the tokens in the whole barcode, needed if some
        tokens were left out. With class pooling, both results begin with a class token, at
        position 0. ``causal`` lets each token attend only to the tokens before it, in all blocks.
        ``padded=False`` asserts that no token is padding, so that attention needs no mask. The
        output of each block is appended to ``outputs``.
        """
        merge = self.config.merge
        if positions_BT is None:
            positions_BT = self._consecutive(tokens_BT)
        if self.config.class_token:
            front = tokens_BT.new_full((tokens_BT.shape[0], merge), CLASS)
            tokens_BT = torch.cat((front, tokens_BT), dim=1)
            first = torch.zeros_like(positions_BT[:, :1])
            positions_BT = torch.cat((first, positions_BT + 1), dim=1)
        real_BT = tokens_BT[:, ::merge] != PAD
        mask = real_BT[:, None, None, :] if padded else None
        embedded_BTD = self.tokens(tokens_BT).view(*real_BT.shape, self.config.width)
        return self.stack(embedded_BTD, positions_BT, mask, causal, outputs), real_BT

    def pool(self, features_BTD: Tensor, real_BT: Tensor, positions_BT: Tensor) -> Tensor:
        """Return one float32 vector per sequence, (B, dimension), by the configured pooling.

        Pooling "place" maps the features of each real token by the matrix of its position, and
        averages the results. The weights of ``readout`` are these matrices side by side.
        """
        if self.config.class_token:
            return features_BTD[:, 0].float()
        weights = real_BT.unsqueeze(-1).float()
        counts = weights.sum(1).clamp(min=1)
        if self.config.pooling == "mean":
            return (features_BTD.float() * weights).sum(1) / counts
        B, _, D = features_BTD.shape
        placed_BPD = features_BTD.new_zeros(B, self.config.max_tokens, D)
        placed_BPD = placed_BPD.scatter_add(
            1,
            positions_BT[..., None].expand(-1, -1, D),
            features_BTD * weights.to(features_BTD.dtype),
        )
        return self.readout(placed_BPD.flatten(1)).float() / counts

    def embed(
        self, tokens_BT: Tensor, positions_BT: Tensor | None = None, *, padded: bool = True
    ) -> Tensor:
        """Return the pooled vectors, float32 (B, dimension), of tokens."""
        if positions_BT is None:
            positions_BT = self._consecutive(tokens_BT)
        features_BTD, real_BT = self(tokens_BT, positions_BT, padded=padded)
        return self.pool(features_BTD, real_BT, positions_BT)

    def _consecutive(self, tokens_BT: Tensor) -> Tensor:
        count = tokens_BT.shape[1] // self.config.merge
        return torch.arange(count, device=tokens_BT.device).expand(tokens_BT.shape[0], -1)

    @torch.no_grad()
    def _embed_by_bases(self) -> None:
        """Set the embedding of each k-mer to the sum of one vector per base and its position."""
        k, width = self.config.k, self.tokens.embedding_dim
        bases_k4W = torch.randn(k, 4, width) / k**0.5
        kmers_V = torch.arange(4**k)
        self.tokens.weight[SPECIAL_TOKENS:] = sum(
            bases_k4W[i, kmers_V // 4 ** (k - 1 - i) % 4] for i in range(k)
        )
        self.tokens.weight[UNKNOWN] = 0

    @property
    def anchor(self) -> Anchor | None:
        """The anchor that locates barcodes in the marker, or None if the model has none yet."""
        if not self.config.anchored or not self.anchor_length:
            return None
        return Anchor(
            self.anchor_places.cpu().numpy().astype(np.int16),
            self.anchor_weights.cpu().numpy().copy(),
            int(self.anchor_length),
        )

    def set_anchor(self, anchor: Anchor) -> None:
        """Store an anchor with the weights."""
        self.anchor_places.copy_(torch.from_numpy(anchor.positions))
        self.anchor_weights.copy_(torch.from_numpy(anchor.weights))
        self.anchor_length.fill_(anchor.length)
