"""Disentangled attention: the content and the relative positions of tokens have their own vectors.

From DeBERTa (He et al., arXiv 2006.03654). The score of a token for another is the sum of three
dot products: of their contents, of the first content with the vector of their distance, and of the
vector of the reverse distance with the second content. The vectors of distances are shared by all
blocks, which map them as they map contents (as DeBERTaV3, arXiv 2111.09543). The absolute position
is added before the last block only, where the paper's decoder adds it.

Shapes: B sequences, T tokens, D width, H heads, E = D / H width of a head, R distances.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from barcodeembed.model.config import ModelConfig


class Distances(NamedTuple):
    """The vectors of distances (R, D), and the distance of each pair of tokens, (B, 1, T, T)."""

    vectors_RD: Tensor
    index_B1TT: Tensor


class RelativePositions(nn.Module):
    """One learned vector for each distance. Distances beyond the reach are clipped."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.reach = config.distances // 2
        self.vectors = nn.Embedding(config.distances, config.width)
        self.norm = nn.LayerNorm(config.width, config.norm_epsilon)

    def forward(self, positions_BT: Tensor) -> Distances:
        apart_BTT = positions_BT[:, :, None] - positions_BT[:, None, :]
        index_BTT = (apart_BTT + self.reach).clamp(0, 2 * self.reach - 1)
        return Distances(self.norm(self.vectors.weight), index_BTT[:, None])


def position_scores(q_BHTE: Tensor, k_BHTE: Tensor, qkv_R3: Tensor, index_B1TT: Tensor) -> Tensor:
    """Return the sum of the two products with distances, (B, H, T, T), not scaled.

    ``qkv_R3`` has the queries, keys and values of the vectors of distances, (R, 3 * D).
    """
    B, H, T, E = q_BHTE.shape
    rq_HRE, rk_HRE, _ = qkv_R3.view(-1, 3, H, E).permute(1, 2, 0, 3)
    index_BHTT = index_B1TT.expand(B, H, T, T)
    by_query_BHTT = (q_BHTE @ rk_HRE.mT).gather(-1, index_BHTT)
    # The index of the reverse distance is that of the key from the query.
    by_key_BHTT = (k_BHTE @ rq_HRE.mT).gather(-1, index_BHTT).mT
    return by_query_BHTT + by_key_BHTT


def scale_of(head_width: int) -> float:
    """Return the factor of the sum of three products."""
    return (3 * head_width) ** -0.5
