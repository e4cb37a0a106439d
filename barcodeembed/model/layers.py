"""Transformer blocks, for the encoder and for the decoders of pretraining.

Shapes: B sequences, T tokens, D width, H heads, E = D / H width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.model.config import ModelConfig
from barcodeembed.model.disentangled import Distances, RelativePositions, position_scores, scale_of


def rotary_angles(positions_BT: Tensor, head_width: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (B, 1, T, E/2) of rotary positions (Su et al., arXiv 2104.09864)."""
    steps = torch.arange(0, head_width, 2, device=positions_BT.device, dtype=torch.float32)
    frequencies = 10_000.0 ** (-steps / head_width)
    angles = positions_BT[:, None, :, None].float() * frequencies
    return angles.cos(), angles.sin()


def rotate(x_BHTE: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate each pair (first half, second half) of a head's features by its position's angle."""
    cos, sin = (angle.to(x_BHTE.dtype) for angle in angles)
    first, second = x_BHTE.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)


def linear_bias(positions_BT: Tensor, heads: int) -> Tensor:
    """Return minus a slope times the distance, (B, H, T, T), to add to the scores of attention.

    Each head has a slope of its own, which is not learned (ALiBi, Press et al., arXiv 2108.12409).
    Distances count in both directions, as in MosaicBERT (Portes et al., arXiv 2312.17482).
    """
    numbers = torch.arange(1, heads + 1, device=positions_BT.device, dtype=torch.float32)
    slopes_H11 = (2.0 ** (-8 * numbers / heads))[:, None, None]
    distances_BTT = (positions_BT[:, :, None] - positions_BT[:, None, :]).abs().float()
    return -slopes_H11 * distances_BTT[:, None]


def biased_mask(bias_BHTT: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """Return the bias, with minus infinity at the tokens that must not be attended to."""
    if causal:
        later_TT = torch.ones(bias_BHTT.shape[2:], dtype=torch.bool, device=bias_BHTT.device)
        return bias_BHTT.masked_fill(later_TT.triu(1), -torch.inf)
    return bias_BHTT if mask is None else bias_BHTT.masked_fill(~mask, -torch.inf)


class Attention(nn.Module):
    """Multi-head self-attention over real tokens."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.dropout = config.dropout
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.output = nn.Linear(config.width, config.width)

    def forward(
        self,
        x_BTD: Tensor,
        mask: Tensor | None,
        angles: tuple[Tensor, Tensor] | None,
        causal: bool = False,
        distances: Distances | None = None,
    ) -> Tensor:
        B, T, D = x_BTD.shape
        qkv = self.query_key_value(x_BTD).view(B, T, 3, self.heads, D // self.heads)
        q_BHTE, k_BHTE, v_BHTE = qkv.permute(2, 0, 3, 1, 4)
        if angles is not None:
            q_BHTE, k_BHTE = rotate(q_BHTE, angles), rotate(k_BHTE, angles)
        scale = None
        if distances is not None:
            scale = scale_of(D // self.heads)
            qkv_R3 = self.query_key_value(distances.vectors_RD)
            bias_BHTT = position_scores(q_BHTE, k_BHTE, qkv_R3, distances.index_B1TT)
            mask, causal = biased_mask(bias_BHTT * scale, mask, causal), False
        if mask is not None and mask.dtype != torch.bool:
            mask = mask.to(q_BHTE.dtype)
        mixed_BHTE = F.scaled_dot_product_attention(
            q_BHTE,
            k_BHTE,
            v_BHTE,
            attn_mask=mask,
            is_causal=causal,
            dropout_p=self.dropout if self.training else 0.0,
            scale=scale,
        )
        return self.output(mixed_BHTE.transpose(1, 2).reshape(B, T, D))


class FeedForward(nn.Module):
    """Two linear maps with GELU between them, optionally gated (GEGLU, arXiv 2002.05202)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gated = config.feed_forward == "geglu"
        inner = config.feed_forward_width
        self.input = nn.Linear(config.width, 2 * inner if self.gated else inner)
        self.output = nn.Linear(inner, config.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        if self.gated:
            x, gate = x.chunk(2, dim=-1)
            return self.output(x * F.gelu(gate))
        return self.output(F.gelu(x))


class Block(nn.Module):
    """Attention and feed-forward, each with a residual connection."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.pre_norm = config.norm == "pre"
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.width, config.norm_epsilon)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.width, config.norm_epsilon)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        angles: tuple[Tensor, Tensor] | None,
        causal: bool = False,
        distances: Distances | None = None,
    ) -> Tensor:
        how = (mask, angles, causal, distances)
        if self.pre_norm:
            x = x + self.dropout(self.attention(self.attention_norm(x), *how))
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self.dropout(self.attention(x, *how)))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))


class Stack(nn.Module):
    """Positions, blocks and a layer norm: from embedded tokens to contextual features."""

    def __init__(self, config: ModelConfig, layers: int) -> None:
        super().__init__()
        self.config = config
        length = config.max_tokens + config.class_token
        absolute = config.positions in ("learned", "disentangled")
        self.positions = nn.Embedding(length, config.width) if absolute else None
        relative = config.positions == "disentangled"
        self.relative = RelativePositions(config) if relative else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(layers))
        # Pre-norm needs it after the last block, post-norm (BERT) before the first block.
        self.norm = nn.LayerNorm(config.width, config.norm_epsilon)
        self.dropout = nn.Dropout(config.dropout)
        self.apply(initialise)

    def forward(
        self,
        x_BTD: Tensor,
        positions_BT: Tensor,
        mask: Tensor | None,
        causal: bool = False,
        outputs: list[Tensor] | None = None,
    ) -> Tensor:
        """Return contextual features (B, T, D). ``mask`` (B, 1, 1, T) is true for real tokens.

        A causal block needs no mask, because padding comes last. ``causal`` makes all blocks
        causal. The output of each block is appended to ``outputs``.
        """
        angles = bias = distances = late = None
        if self.relative is not None:
            distances, late = self.relative(positions_BT), self.positions
        elif self.positions is not None:
            x_BTD = x_BTD + self.positions(positions_BT)
        elif self.config.positions == "alibi":
            bias = linear_bias(positions_BT, self.config.heads)
        else:
            angles = rotary_angles(positions_BT, self.config.width // self.config.heads)
        if self.config.norm == "post":
            x_BTD = self.norm(x_BTD)
        x_BTD = self.dropout(x_BTD)
        for number, block in enumerate(self.blocks):
            before_only = causal or number < self.config.causal_blocks
            if late is not None and number == len(self.blocks) - 1:
                x_BTD = x_BTD + late(positions_BT)
            if bias is None:
                seen = None if before_only else mask
                x_BTD = block(x_BTD, seen, angles, before_only, distances)
            else:
                x_BTD = block(x_BTD, biased_mask(bias, mask, before_only), None)
            if outputs is not None:
                outputs.append(x_BTD)
        return self.norm(x_BTD) if self.config.norm == "pre" else x_BTD


def initialise(module: nn.Module) -> None:
    """Initialise as BERT does: weights from a normal distribution of SD 0.02, biases zero."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
