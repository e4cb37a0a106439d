"""Taxonomy: classify the vector of a view at every rank at which the barcode has a label.

BarcodeMAE+ uses only the genus. All ranks at once, 1/sqrt(n) class weights and label smoothing
along the tree follow BarcodeMamba+ (arXiv 2512.15931). Classes are unit vectors, compared by
cosine similarity as in search (Wang et al., arXiv 1704.06369).
Shapes: B barcodes, C classes, P parents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import LABELS, Corpus
from barcodeembed.corpus.views import Views
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.base import Inputs, Objective, similarities
from barcodeembed.objectives.contrastive import view_vectors


class Taxonomy(Objective):
    """Taxonomic classification (BarcodeMamba+): predict the taxon at every labelled rank.

    If a rank has more than ``max_classes`` taxa, only taxa that share a parent with a barcode of
    the batch are compared. These include the siblings of each species, with which it is most
    easily confused.
    """

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Views):
        ranks: str = "order,family,genus,species"
        scale: float = 20.0
        smoothing: float = 0.1
        max_classes: int = 16_384

        def __post_init__(self) -> None:
            Views.__post_init__(self)
            unknown = set(self.ranks.split(",")) - set(LABELS)
            if unknown:
                raise TrainingError(
                    f"unknown ranks {', '.join(sorted(unknown))}; choose from {', '.join(LABELS)}"
                )
            if not 0 <= self.smoothing < 1:
                raise TrainingError(f"smoothing is {self.smoothing}, not in [0, 1)")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        ranks = [rank for rank in LABELS if rank in options.ranks.split(",")]
        labels = corpus.labels[corpus.train]
        columns = [LABELS.index(rank) for rank in ranks]
        self.heads = nn.ModuleDict(
            {
                rank: RankHead(config.dimension, corpus.labels, labels, column, parent, options)
                for rank, column, parent in zip(ranks, columns, [None, *columns], strict=False)
            }
        )

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        taxa = {
            f"taxa_{rank}": batch.labels_BR[:, LABELS.index(rank)].astype(np.int64)
            for rank in self.heads
        }
        return self.options.draw(batch, self.config, rng) | taxa

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        vectors_BD = F.normalize(view_vectors(encoder, inputs), dim=-1)
        metrics: dict[str, Tensor] = {}
        for rank, head in self.heads.items():
            metrics[f"{rank}_loss"], metrics[f"{rank}_accuracy"] = head(
                vectors_BD, inputs[f"taxa_{rank}"]
            )
        losses = [metrics[f"{rank}_loss"] for rank in self.heads]
        return {"loss": torch.stack(losses).mean(), **metrics}


class RankHead(nn.Module):
    """The classes of one rank, as unit vectors, with their weights and their parents."""

    weights: Tensor
    parents: Tensor

    def __init__(
        self,
        width: int,
        labels: np.ndarray,
        train: np.ndarray,
        column: int,
        parent_column: int | None,
        options: Taxonomy.Options,
    ) -> None:
        super().__init__()
        count = int(labels[:, column].max(initial=-1)) + 1
        self.directions = nn.Parameter(torch.randn(count, width) / width**0.5)
        self.scale, self.smoothing = options.scale, options.smoothing
        labelled = train[train[:, column] >= 0, column]
        sizes = np.maximum(np.bincount(labelled, minlength=count), 1)
        weights = 1 / np.sqrt(sizes)
        # Scale to an average of 1 per barcode.
        weights *= len(labelled) / max(weights[labelled].sum(), 1e-9)
        self.register_buffer("weights", torch.from_numpy(weights).float(), persistent=False)
        parents = _parents(train, column, parent_column, count)
        self.register_buffer("parents", torch.from_numpy(parents), persistent=False)
        self.max_classes = options.max_classes

    def forward(self, vectors_BD: Tensor, taxa_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss (nats) and the accuracy over the barcodes labelled at this rank.

        Both, and the gradient, are zero if there are no such barcodes.
        """
        labelled = taxa_B >= 0
        taxa_B, vectors_BD = taxa_B[labelled], vectors_BD[labelled]
        if not len(taxa_B):
            return vectors_BD.sum() * 0, vectors_BD.new_zeros(())
        weights_B = self.weights[taxa_B]
        directions_CD, parents_C, taxa_B = self._competing(taxa_B)
        logits_BC = self.scale * similarities(vectors_BD, F.normalize(directions_CD, dim=-1))
        scores_BC = F.log_softmax(logits_BC, dim=-1)
        true_B = scores_BC.gather(1, taxa_B[:, None])[:, 0]
        # Smoothing along the tree: confusion with a sibling costs less than with another taxon.
        siblings_P = torch.bincount(parents_C)
        of_parent_BP = scores_BC.new_zeros(len(taxa_B), len(siblings_P))
        of_parent_BP = of_parent_BP.index_add(1, parents_C, scores_BC)
        parent_B = parents_C[taxa_B]
        sibling_B = of_parent_BP.gather(1, parent_B[:, None])[:, 0] / siblings_P[parent_B]
        losses_B = -(1 - self.smoothing) * true_B - self.smoothing * sibling_B
        accuracy = (scores_BC.argmax(-1) == taxa_B).float().mean()
        return (losses_B * weights_B).sum() / len(taxa_B), accuracy

    def _competing(self, taxa_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the directions and the parents of the classes to compare, and the true classes."""
        if len(self.directions) <= self.max_classes:
            return self.directions, self.parents, taxa_B
        classes_C = torch.isin(self.parents, self.parents[taxa_B]).nonzero()[:, 0]
        parents_C = torch.unique(self.parents[classes_C], return_inverse=True)[1]
        return self.directions[classes_C], parents_C, torch.searchsorted(classes_C, taxa_B)


def _parents(train: np.ndarray, column: int, parent_column: int | None, count: int) -> np.ndarray:
    """Return the parent of each class, int64 (C,). Classes without a parent share one number."""
    parents = np.full(count, -1, np.int64)
    if parent_column is not None:
        rows = train[(train[:, column] >= 0) & (train[:, parent_column] >= 0)]
        parents[rows[:, column]] = rows[:, parent_column]
    return np.unique(parents, return_inverse=True)[1]
