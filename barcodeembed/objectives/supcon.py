"""Supervised contrast: views of kin are pulled together, the more the closer the kin.

Khosla et al., arXiv 2004.11362, eq. 2, with positives weighted by the deepest rank that two
barcodes share, as BarcodeMAE+ does with the genus alone. A batch needs kin in it: ``--group-by``.
Shapes: B barcodes, R labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import LABELS
from barcodeembed.corpus.views import Views
from barcodeembed.objectives.base import Inputs
from barcodeembed.objectives.contrastive import Contrast


class SupervisedContrast(Contrast):
    """Cross-entropy on which of a batch's barcodes are kin; each is its own nearest."""

    @dataclass(frozen=True, slots=True)
    class Options(Views):
        temperature: float = 0.05
        species: float = 1.0
        genus: float = 0.3
        family: float = 0.1
        order: float = 0.0

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        ranks = ("order", "family", "genus", "species")
        weights = [getattr(self.options, rank) for rank in ranks]
        kinship_BB = np.eye(len(batch.rows), dtype=np.float32)
        for rank, weight in (*zip(ranks, weights, strict=True), ("bin", self.options.species)):
            taxa_B = batch.labels_BR[:, LABELS.index(rank)]
            shared_BB = (taxa_B[:, None] == taxa_B) & (taxa_B >= 0)
            kinship_BB = np.maximum(kinship_BB, weight * shared_BB.astype(np.float32))
        return super().prepare(batch, rng) | {"kinship": kinship_BB}

    def positives(self, inputs: Inputs, count: int, device: torch.device) -> Tensor:
        kinship_BB = inputs["kinship"]
        return kinship_BB / kinship_BB.sum(1, keepdim=True)
