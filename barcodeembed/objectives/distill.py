"""Distillation: a student matches the features and vectors of a teacher, and predicts k-mers.

It follows HAD (arXiv 2505.20836). The student reads the visible tokens, as in MAE-LM, and the
teacher reads the whole barcode. The student's features of the visible tokens are trained to match
the teacher's, and so are the pooled vectors and the similarities between the barcodes of a batch.
Search uses these similarities, and matching them needs no projection, which inference would lack.
Shapes: B barcodes, V visible tokens, T tokens, D the student's width, E the teacher's width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch, cut_whole
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.marker_positions import is_located_by
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

    merges = False

    @dataclass(frozen=True, slots=True)
    class Options(MaskedAutoencoder.Options):
        teacher: str = ""
        rebuild: float = 0.1
        features: float = 1.0
        vectors: float = 1.0
        similarities: float = 10.0

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        if not options.teacher:
            raise TrainingError("distill needs a teacher; use --set teacher=MODEL")
        # In a tuple, torch neither trains it nor saves it with the student.
        self._teacher = (load_model(options.teacher).encoder.eval().requires_grad_(False),)
        teacher = self.teacher.config
        self.same_tokens = teacher.k == config.k
        if teacher.anchored != config.anchored:
            raise TrainingError(
                "teacher and student must both be anchored, or both not be anchored"
            )
        if self.teacher.anchor and not is_located_by(corpus, self.teacher.anchor):
            raise TrainingError(
                "the teacher was anchored to another corpus, so that it reads barcodes at other "
                "positions; start the student from it with --init"
            )
        if teacher.merge > 1:
            raise TrainingError(
                "the teacher merges k-mers, so its features do not match those of k-mers"
            )
        if config.dimension != config.width or teacher.dimension != teacher.width:
            raise TrainingError(
                "distill needs models without vector_width, whose vectors are as wide as features"
            )
        if options.features and not self.same_tokens:
            raise TrainingError(
                f"the teacher's tokens have {teacher.k} bases, the student's {config.k}, so their "
                "features cannot be matched; use --set features=0 to match only vectors"
            )
        self.project = nn.Linear(config.width, teacher.width)
        initialise(self.project)

    @property
    def teacher(self) -> Encoder:
        return self._teacher[0]

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        # The teacher moves to a device with the student.
        self.teacher._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT, positions_BT = batch.tokens_BT, batch.positions_BT
        if not self.same_tokens:
            tokens_BT, positions_BT = self._teacher_tokens(batch)
        max_tokens = self.teacher.config.max_tokens
        whole = {
            "whole": tokens_BT[:, :max_tokens],
            "whole_positions": positions_BT[:, :max_tokens],
            "whole_padded": padded(tokens_BT),
        }
        return super().prepare(batch, rng) | whole

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BVD, real_BV, hidden_ND = self.rebuild(encoder, inputs)
        metrics = token_losses(self.head(hidden_ND), inputs["classes"])
        with torch.no_grad():
            theirs_BTE, whole_BT = self.teacher(
                inputs["whole"], inputs["whole_positions"], padded=inputs["whole_padded"]
            )
            vectors_BE = self.teacher.pool(theirs_BTE, whole_BT, inputs["whole_positions"])
        ours_BD = encoder.pool(features_BVD, real_BV, visible_positions(inputs))
        distances = {
            "vectors": _cosine_distance(self.project(ours_BD), vectors_BE).mean(),
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
        self, encoder: Encoder, inputs: Inputs, ours_BVD: Tensor, theirs_BTE: Tensor
    ) -> Tensor:
        """Return the average distance of the features of tokens that both models read."""
        if encoder.config.class_token:
            ours_BVD = ours_BVD[:, 1:]
        if self.teacher.config.class_token:
            theirs_BTE = theirs_BTE[:, 1:]
        columns_BV = inputs["visible_columns"]
        read_BV = (inputs["visible"] != PAD) & (columns_BV < theirs_BTE.shape[1])
        index_BV = columns_BV.clamp(max=theirs_BTE.shape[1] - 1)
        matched_BVE = theirs_BTE.gather(1, index_BV[..., None].expand(-1, -1, theirs_BTE.shape[-1]))
        distances_BV = _cosine_distance(self.project(ours_BVD), matched_BVE)
        return (distances_BV * read_BV).sum() / read_BV.sum().clamp(min=1)

    def _teacher_tokens(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return the teacher's tokens of the whole barcodes, and their positions."""
        config = self.teacher.config
        whole = cut_whole(batch.corpus, batch.rows, config.tokenizer, config.max_tokens)
        return whole.tokens_BT, whole.positions_BT


def _cosine_distance(ours: Tensor, theirs: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(ours.float(), theirs.float(), dim=-1)


def _similarities(vectors_BD: Tensor) -> Tensor:
    unit_BD = F.normalize(vectors_BD.float(), dim=-1)
    return similarities(unit_BD, unit_BD)
