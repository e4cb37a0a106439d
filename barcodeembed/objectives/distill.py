"""Distillation: a student matches the features and vectors of a teacher, and predicts k-mers.

It follows HAD (arXiv 2505.20836). The student reads the visible tokens, as in MAE-LM, and the
teacher reads everything. The student's features of the visible tokens are trained to match the
teacher's, and so are the pooled vectors and the similarities between the barcodes of a batch.
Search uses these similarities, and matching them needs no projection, which inference would lack.

The tokens of the student can be shorter than those of the teacher (HAD's student reads bases, its
teacher 6-mers). All tokens of the student within one token of the teacher are then hidden together
(group masking), and the mean of their features is compared with the teacher's. This needs the
positions of an anchored model. An anchored teacher reads the whole barcode, another one the stretch
that is cut for the student.
Shapes: B barcodes, V visible tokens, T tokens of the student, W tokens of the teacher, D the
student's width, E the teacher's width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch, Cut, cut_whole
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.marker_positions import is_located_by
from barcodeembed.corpus.masking import choose_hidden
from barcodeembed.errors import TrainingError
from barcodeembed.model.bundle import load_model
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.base import Inputs, padded, similarities, token_losses
from barcodeembed.objectives.maelm import MaskedAutoencoder, visible_positions


class Distillation(MaskedAutoencoder):
    """Distillation (HAD): match the vectors and features of a teacher model, and predict k-mers."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(MaskedAutoencoder.Options):
        teacher: str = ""
        rebuild: float = 0.1
        features: float = 1.0
        vectors: float = 1.0
        similarities: float = 10.0

        def __post_init__(self) -> None:
            MaskedAutoencoder.Options.__post_init__(self)
            if min(self.rebuild, self.features, self.vectors, self.similarities) < 0:
                raise TrainingError("the weights of distill must not be negative")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        if not options.teacher:
            raise TrainingError("distill needs a teacher; use --set teacher=MODEL")
        # In a tuple, torch neither trains it nor saves it with the student.
        self._teacher = (load_model(options.teacher).encoder.eval().requires_grad_(False),)
        teacher = self.teacher.config
        if teacher.anchored != config.anchored:
            raise TrainingError(
                "teacher and student must both be anchored, or both not be anchored"
            )
        if self.teacher.anchor and not is_located_by(corpus, self.teacher.anchor):
            raise TrainingError(
                "the teacher was anchored to another corpus, so that it reads barcodes at other "
                "positions; start the student from it with --init"
            )
        self.per_token = _tokens_in_one(teacher, config)
        if options.features and not self.per_token:
            raise TrainingError(
                f"the teacher's tokens have {teacher.token_bases} bases, the student's "
                f"{config.token_bases}, so their features cannot be matched; use "
                "--set features=0 to match only vectors"
            )
        if self.per_token > 1 and (options.span > 1 or options.codons or options.sites != "all"):
            raise TrainingError(
                "the tokens that a token of the teacher contains are hidden together; span, "
                "codons and sites must have their defaults"
            )
        self.project = nn.Linear(config.width, teacher.width)
        initialise(self.project)
        # Vectors that are means of features need no map of their own.
        self.project_vectors = None
        if (config.dimension, teacher.dimension) != (config.width, teacher.width):
            self.project_vectors = nn.Linear(config.dimension, teacher.dimension)
            initialise(self.project_vectors)

    @property
    def teacher(self) -> Encoder:
        return self._teacher[0]

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        # The teacher moves to a device with the student.
        self.teacher._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def hide(self, batch: Batch, rng: np.random.Generator) -> np.ndarray:
        if self.per_token <= 1:
            return super().hide(batch, rng)
        merge, groups_BT = self.config.merge, batch.positions_BT // self.per_token
        first_BT = batch.tokens_BT[:, ::merge]
        hidden_BT = choose_hidden(first_BT, self.options.mask_ratio, rng, groups_BT=groups_BT)
        return hidden_BT.repeat(merge, 1)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        inputs, whole = super().prepare(batch, rng), self.read_by_teacher(batch)
        inputs |= {
            "whole": whole.tokens_BT,
            "whole_positions": whole.positions_BT,
            "whole_padded": padded(whole.tokens_BT),
        }
        if self.options.features:
            inputs["teacher_columns"] = self._teacher_columns(inputs, whole)
        return inputs

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BVD, real_BV, hidden_ND = self.rebuild(encoder, inputs)
        metrics = token_losses(self.head(hidden_ND), inputs["classes"])
        with torch.no_grad():
            theirs_BTE, whole_BT = self.teacher(
                inputs["whole"], inputs["whole_positions"], padded=inputs["whole_padded"]
            )
            vectors_BE = self.teacher.pool(theirs_BTE, whole_BT, inputs["whole_positions"])
        ours_BD = encoder.pool(features_BVD, real_BV, visible_positions(inputs))
        project = self.project_vectors or self.project
        distances = {
            "vectors": _cosine_distance(project(ours_BD), vectors_BE).mean(),
            "similarities": (_similarities(ours_BD) - _similarities(vectors_BE)).square().mean(),
        }
        if self.options.features:
            distances["features"] = self._feature_distance(
                encoder, inputs, features_BVD, theirs_BTE
            )
        loss = self.options.rebuild * metrics["loss"]
        for name, distance in distances.items():
            loss = loss + getattr(self.options, name) * distance
        return {
            "loss": loss,
            "rebuild_loss": metrics["loss"],
            "accuracy": metrics["accuracy"],
            **{f"{name}_distance": value for name, value in distances.items()},
        }

    def _feature_distance(
        self, encoder: Encoder, inputs: Inputs, ours_BVD: Tensor, theirs_BWE: Tensor
    ) -> Tensor:
        """Return the average distance of the features of tokens that both models read."""
        if encoder.config.class_token:
            ours_BVD = ours_BVD[:, 1:]
        if self.teacher.config.class_token:
            theirs_BWE = theirs_BWE[:, 1:]
        columns_BV, width = inputs["teacher_columns"], theirs_BWE.shape[1]
        sums_BWD = ours_BVD.new_zeros(len(ours_BVD), width + 1, ours_BVD.shape[-1])
        sums_BWD = sums_BWD.scatter_add(1, columns_BV[..., None].expand_as(ours_BVD), ours_BVD)
        counts_BW = sums_BWD.new_zeros(sums_BWD.shape[:2])
        counts_BW = counts_BW.scatter_add(1, columns_BV, torch.ones_like(ours_BVD[..., 0]))
        sums_BWD, counts_BW = sums_BWD[:, :width], counts_BW[:, :width]
        means_BWD = sums_BWD / counts_BW.clamp(min=1)[..., None]
        distances_BW = _cosine_distance(self.project(means_BWD), theirs_BWE)
        both_BW = counts_BW > 0
        return (distances_BW * both_BW).sum() / both_BW.sum().clamp(min=1)

    def read_by_teacher(self, batch: Batch) -> Cut:
        """Return what the teacher reads."""
        config = self.teacher.config
        if self.per_token and not config.anchored:
            longest = config.max_tokens
            return Cut(
                batch.tokens_BT[:, : longest * config.merge],
                batch.positions_BT[:, :longest],
                batch.first_B,
            )
        return cut_whole(
            batch.corpus, batch.rows, config.tokenizer, config.max_tokens, config.merge
        )

    def _teacher_columns(self, inputs: Inputs, whole: Cut) -> np.ndarray:
        """Return the teacher's token that contains each visible token, (B, V); W if none does."""
        columns_BV, config = inputs["visible_columns"], self.teacher.config
        rows_B1, (_, width) = np.arange(len(columns_BV))[:, None], whole.positions_BT.shape
        if not config.anchored:
            return np.minimum(columns_BV, width)
        column_of_BP = np.full((len(columns_BV), config.max_tokens + 1), width)
        rows, columns = np.nonzero(whole.tokens_BT[:, :: config.merge] != PAD)
        column_of_BP[rows, whole.positions_BT[rows, columns]] = columns
        padding_B1 = np.full((len(columns_BV), 1), config.max_tokens * self.per_token)
        positions_BT = np.concatenate((inputs["positions"], padding_B1), 1)
        within_BV = positions_BT[rows_B1, columns_BV] // self.per_token
        return column_of_BP[rows_B1, np.minimum(within_BV, config.max_tokens)]


def _tokens_in_one(teacher: ModelConfig, student: ModelConfig) -> int:
    """Return how many tokens of the student a token of the teacher has; 0 if they do not match."""
    if not teacher.anchored:
        return int((teacher.k, teacher.merge) == (student.k, student.merge))
    tokens, rest = divmod(teacher.token_bases, student.token_bases)
    return 0 if rest else tokens


def _cosine_distance(ours: Tensor, theirs: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(ours.float(), theirs.float(), dim=-1)


def _similarities(vectors_BD: Tensor) -> Tensor:
    unit_BD = F.normalize(vectors_BD.float(), dim=-1)
    return similarities(unit_BD, unit_BD)
