"""Contrastive learning: two views of the same barcode get similar vectors.

The loss is InfoNCE (van den Oord et al., arXiv 1807.03748, eq. 4) in both directions. It uses the
vectors of inference, without a projection head. Views replace the edits of ContraBERT (arXiv
2301.09072). The negatives are the other barcodes of the same micro-batch and process.

``soften`` is for barcodes that are not really different, such as two of one species. From LightCLIP
(Nie et al., arXiv 2312.00674): a part of each target is moved to the negatives, more to those that
the model finds more similar. The part grows with the run from 0 to ``soften``, because the
similarities of a new model mean little.
Shapes: B barcodes, D dimensions of a vector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.views import Views
from barcodeembed.errors import TrainingError
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.base import Inputs, Objective, similarities


class Contrast(Objective):
    """Contrastive learning (InfoNCE): find the other view of the same barcode in the batch."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Views):
        """Settings.

        Attributes:
            temperature: Divides the similarities.
            soften: Part of each target that the negatives get at the end of the run.
        """

        temperature: float = 0.05
        soften: float = 0.0

        def __post_init__(self) -> None:
            Views.__post_init__(self)
            check_temperature(self.temperature)
            if not 0 <= self.soften < 1:
                raise TrainingError(f"soften is {self.soften}, not in [0, 1)")

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        views = [self.options.draw(batch, self.config, rng) for _ in range(2)]
        return {f"{key}_{n}": view[key] for n, view in enumerate(views) for key in view}

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        one_BD, other_BD = (
            F.normalize(view_vectors(encoder, inputs, f"_{n}"), dim=-1) for n in range(2)
        )
        logits_BB = similarities(one_BD, other_BD) / self.options.temperature
        targets_BB = self.positives(inputs, F.normalize(one_BD + other_BD, dim=-1))
        loss = 0.5 * (
            F.cross_entropy(logits_BB, targets_BB) + F.cross_entropy(logits_BB.T, targets_BB)
        )
        own_B = torch.arange(len(logits_BB), device=logits_BB.device)
        return {"loss": loss, "accuracy": (logits_BB.argmax(-1) == own_B).float().mean()}

    def positives(self, inputs: Inputs, vectors_BD: Tensor) -> Tensor:
        """Return the target similarity (B, B) of each pair of views. Rows sum to 1.

        ``vectors_BD`` has the unit vectors of the barcodes, from both views. No gradient passes.
        """
        targets_BB = torch.eye(len(vectors_BD), device=vectors_BD.device)
        part = self.options.soften * self.progress
        if not part or len(vectors_BD) == 1:
            return targets_BB
        logits_BB = similarities(vectors_BD, vectors_BD).detach() / self.options.temperature
        negatives_BB = logits_BB.fill_diagonal_(-math.inf).softmax(-1)
        return torch.lerp(targets_BB, negatives_BB, part)


def check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise TrainingError(f"temperature is {temperature}, not positive")


def view_vectors(encoder: Encoder, inputs: Inputs, suffix: str = "") -> Tensor:
    """Return the pooled vectors, float32 (B, D), of views from ``Views.draw``."""
    return encoder.embed(
        inputs["tokens" + suffix], inputs["positions" + suffix], padded=inputs["padded" + suffix]
    )
