"""Contrast: two views of one barcode are pulled together, those of others pushed apart.

InfoNCE (van den Oord et al., arXiv 1807.03748, eq. 4) in both directions, on the vectors that are
used at inference, with no head between. Jointly with a masked objective as in w2v-BERT
(arXiv 2108.06209); views in place of ContraBERT's edits (arXiv 2301.09072). The others are those
of the same micro-batch and process. Shapes: B barcodes, R labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.views import Views
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.base import Inputs, Objective


class Contrast(Objective):
    """Cross-entropy on which of a batch's barcodes a view is of."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Views):
        temperature: float = 0.05

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        views = [self.options.draw(batch, self.config, rng) for _ in range(2)]
        return {f"{key}_{n}": view[key] for n, view in enumerate(views) for key in view}

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        one_BD, other_BD = (
            F.normalize(view_vectors(encoder, inputs, f"_{n}"), dim=-1) for n in range(2)
        )
        logits_BB = one_BD @ other_BD.T / self.options.temperature
        targets_BB = self.positives(inputs, len(logits_BB), logits_BB.device)
        loss = 0.5 * (
            F.cross_entropy(logits_BB, targets_BB) + F.cross_entropy(logits_BB.T, targets_BB)
        )
        own_B = torch.arange(len(logits_BB), device=logits_BB.device)
        return {"loss": loss, "accuracy": (logits_BB.argmax(-1) == own_B).float().mean()}

    def positives(self, inputs: Inputs, count: int, device: torch.device) -> Tensor:
        """Return how much each other view is the partner of each view; rows sum to 1, (B, B)."""
        return torch.eye(count, device=device)


def view_vectors(encoder: Encoder, inputs: Inputs, suffix: str = "") -> Tensor:
    """Return the pooled vectors, float32 (B, D), of views as `Views.draw` made them."""
    return encoder.embed(
        inputs["tokens" + suffix], inputs["positions" + suffix], padded=inputs["padded" + suffix]
    )
