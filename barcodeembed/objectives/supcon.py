"""Supervised contrastive learning: views of the same taxon get similar vectors.

From Khosla et al., arXiv 2004.11362, eq. 2. Positive pairs are weighted by the lowest rank at
which their taxa agree; BarcodeMAE+ uses only the genus. A batch must contain several barcodes of
the same taxon; see ``--group-by``. Shapes: B barcodes, R labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import LABELS
from barcodeembed.corpus.views import Views
from barcodeembed.errors import TrainingError
from barcodeembed.objectives.base import Inputs
from barcodeembed.objectives.contrastive import Contrast, check_temperature


class SupervisedContrast(Contrast):
    """Supervised contrastive learning (SupCon): find the views of the same taxon in the batch."""

    @dataclass(frozen=True, slots=True)
    class Options(Views):
        temperature: float = 0.05
        species: float = 1.0
        genus: float = 0.3
        family: float = 0.1
        order: float = 0.0

        def __post_init__(self) -> None:
            Views.__post_init__(self)
            check_temperature(self.temperature)
            if min(self.species, self.genus, self.family, self.order) < 0:
                raise TrainingError("the weights of ranks must not be negative")

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        ranks = ("order", "family", "genus", "species")
        rank_weights = [getattr(self.options, rank) for rank in ranks]
        weights_BB = np.eye(len(batch.rows), dtype=np.float32)
        for rank, weight in (*zip(ranks, rank_weights, strict=True), ("bin", self.options.species)):
            taxa_B = batch.labels_BR[:, LABELS.index(rank)]
            same_BB = (taxa_B[:, None] == taxa_B) & (taxa_B >= 0)
            weights_BB = np.maximum(weights_BB, weight * same_BB.astype(np.float32))
        return super().prepare(batch, rng) | {"pair_weights": weights_BB}

    def positives(self, inputs: Inputs, vectors_BD: Tensor) -> Tensor:
        weights_BB = inputs["pair_weights"]
        return weights_BB / weights_BB.sum(1, keepdim=True)
