"""Taxonomy: classify the vector of a view at every rank at which the barcode has a label.

BarcodeMAE+ uses only the genus. All ranks at once, 1/sqrt(n) class weights and label smoothing
along the tree follow BarcodeMamba+ (arXiv 2512.15931). Classes are unit vectors, compared by
cosine similarity as in search (Wang et al., arXiv 1704.06369).

``prepare`` selects the labelled barcodes and the classes. On a GPU, ``forward`` would have to wait
for the sizes of such selections.
Shapes: B barcodes, N labelled barcodes, C classes, P parents.
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
            if not self.scale > 0:
                raise TrainingError(f"scale is {self.scale}, not positive")
            if not 0 <= self.smoothing < 1:
                raise TrainingError(f"smoothing is {self.smoothing}, not in [0, 1)")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        ranks = [rank for rank in LABELS if rank in options.ranks.split(",")]
        labels = corpus.labels[corpus.train]
        columns = [LABELS.index(rank) for rank in ranks]
        self.heads = nn.ModuleDict(
            {
                rank: RankHead(self.width, corpus.labels, labels, column, parent, options)
                for rank, column, parent in zip(ranks, columns, [None, *columns], strict=False)
            }
        )

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        inputs = self.options.draw(batch, self.config, rng)
        for rank in self.heads:
            selected = self._head(rank).select(batch.labels_BR[:, LABELS.index(rank)])
            inputs |= {f"{rank}_{name}": values for name, values in selected.items()}
        return inputs

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        vectors_BD = F.normalize(self.vectors(encoder, inputs), dim=-1)
        metrics: dict[str, Tensor] = {}
        for rank in self.heads:
            start = f"{rank}_"
            selected = {n.removeprefix(start): v for n, v in inputs.items() if n.startswith(start)}
            loss, accuracy = self._head(rank)(vectors_BD, selected)
            metrics |= {f"{rank}_loss": loss, f"{rank}_accuracy": accuracy}
        losses = [metrics[f"{rank}_loss"] for rank in self.heads]
        return {"loss": torch.stack(losses).mean(), **metrics}

    @property
    def width(self) -> int:
        """The width of ``vectors``."""
        return self.config.dimension

    def vectors(self, encoder: Encoder, inputs: Inputs) -> Tensor:
        """Return the vectors to classify, float32 (B, D)."""
        return view_vectors(encoder, inputs)

    def _head(self, rank: str) -> RankHead:
        head = self.heads[rank]
        assert isinstance(head, RankHead)
        return head


class RankHead(nn.Module):
    """The classes of one rank, as unit vectors, with their weights and their parents."""

    weights: Tensor
    parents: Tensor
    siblings: Tensor

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
        # On the CPU, for `select`.
        self._parents_C = _parents(train, column, parent_column, count)
        self.register_buffer("parents", torch.from_numpy(self._parents_C), persistent=False)
        siblings_P = torch.from_numpy(np.bincount(self._parents_C))
        self.register_buffer("siblings", siblings_P, persistent=False)
        self.max_classes = options.max_classes

    def select(self, taxa_B: np.ndarray) -> Inputs:
        """Return the ``labelled`` barcodes and their ``taxa``, int64 (N,).

        If there are too many classes, also the ``classes`` to compare, int64 (C,), their
        ``parents`` (C,) and how many ``siblings`` each parent has (P,). ``taxa`` then counts these
        classes.
        """
        labelled_N = np.flatnonzero(taxa_B >= 0)
        taxa_N = taxa_B[labelled_N].astype(np.int64)
        if len(self._parents_C) <= self.max_classes:
            return {"labelled": labelled_N, "taxa": taxa_N}
        classes_C = np.flatnonzero(np.isin(self._parents_C, self._parents_C[taxa_N]))
        parents_C = np.unique(self._parents_C[classes_C], return_inverse=True)[1]
        return {
            "labelled": labelled_N,
            "taxa": np.searchsorted(classes_C, taxa_N),
            "classes": classes_C,
            "parents": parents_C,
            "siblings": np.bincount(parents_C),
        }

    def forward(self, vectors_BD: Tensor, selected: Inputs) -> tuple[Tensor, Tensor]:
        """Return the loss (nats) and the accuracy over the barcodes labelled at this rank.

        ``selected`` is from `select`, as tensors. Loss, accuracy and gradient are zero if no
        barcode is labelled.
        """
        vectors_ND, taxa_N = vectors_BD[selected["labelled"]], selected["taxa"]
        if not len(taxa_N):
            return vectors_ND.sum() * 0, vectors_ND.new_zeros(())
        directions_CD: Tensor = self.directions
        weights_C, parents_C, siblings_P = self.weights, self.parents, self.siblings
        if "classes" in selected:
            directions_CD = directions_CD[selected["classes"]]
            weights_C = weights_C[selected["classes"]]
            parents_C, siblings_P = selected["parents"], selected["siblings"]
        logits_NC = self.scale * similarities(vectors_ND, F.normalize(directions_CD, dim=-1))
        scores_NC = F.log_softmax(logits_NC, dim=-1)
        true_N = scores_NC.gather(1, taxa_N[:, None])[:, 0]
        # Smoothing along the tree: confusion with a sibling costs less than with another taxon.
        of_parent_NP = scores_NC.new_zeros(len(taxa_N), len(siblings_P))
        of_parent_NP = of_parent_NP.index_add(1, parents_C, scores_NC)
        parent_N = parents_C[taxa_N]
        sibling_N = of_parent_NP.gather(1, parent_N[:, None])[:, 0] / siblings_P[parent_N]
        losses_N = -(1 - self.smoothing) * true_N - self.smoothing * sibling_N
        accuracy = (scores_NC.argmax(-1) == taxa_N).float().mean()
        return (losses_N * weights_C[taxa_N]).sum() / len(taxa_N), accuracy


def _parents(train: np.ndarray, column: int, parent_column: int | None, count: int) -> np.ndarray:
    """Return the parent of each class, int64 (C,). Classes without a parent share one number."""
    parents = np.full(count, -1, np.int64)
    if parent_column is not None:
        rows = train[(train[:, column] >= 0) & (train[:, parent_column] >= 0)]
        parents[rows[:, column]] = rows[:, parent_column]
    return np.unique(parents, return_inverse=True)[1]
