"""Distillation: a student matches a teacher's vectors and features while it rebuilds k-mers.

After HAD (arXiv 2505.20836): the student reads the visible tokens, as in MAE-LM, and its features
of them are drawn to the teacher's, which reads the whole barcode. The pooled vectors are matched
too, and so are the similarities between the barcodes of a batch, since those are what search
uses; matching the latter needs no projection that inference would lack. Shapes: B barcodes,
V visible tokens, T tokens, D the student's width, E the teacher's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.bundle import load_model
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import PAD
from barcodeembed.model.window import whole_window
from barcodeembed.objectives.base import Inputs, padded, token_losses
from barcodeembed.objectives.maelm import MaskedAutoencoder, visible_positions


class Distillation(MaskedAutoencoder):
    """Cross-entropy on hidden k-mers, and distance to a teacher that sees them."""

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
            raise TrainingError("distill needs a teacher: --set teacher=MODEL")
        # In a tuple, so that it is neither trained nor saved with the student.
        self._teacher = (load_model(options.teacher).encoder.eval().requires_grad_(False),)
        theirs = self.teacher.config
        self.same_tokens = theirs.k == config.k
        if theirs.anchored != config.anchored:
            raise TrainingError("of teacher and student, one is anchored and the other is not")
        if theirs.merge > 1:
            raise TrainingError("the teacher merges k-mers: its features pair with nothing here")
        if config.dimension != config.width or theirs.dimension != theirs.width:
            raise TrainingError("distill needs vectors as wide as the features they are made of")
        if options.features and not self.same_tokens:
            raise TrainingError(
                f"the teacher reads {theirs.k} bases a token, the student {config.k}: their "
                "features do not pair; --set features=0 matches vectors alone"
            )
        self.project = nn.Linear(config.width, theirs.width)
        initialise(self.project)

    @property
    def teacher(self) -> Encoder:
        return self._teacher[0]

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT, positions_BT = batch.tokens_BT, batch.positions_BT
        if not self.same_tokens:
            tokens_BT, positions_BT = self._teacher_tokens(batch)
        most = self.teacher.config.max_tokens
        whole = {
            "whole": tokens_BT[:, :most],
            "whole_positions": positions_BT[:, :most],
            "whole_padded": padded(tokens_BT),
        }
        return super().prepare(batch, rng) | whole

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BVD, real_BV, hidden_ND = self.rebuild(encoder, inputs)
        metrics = token_losses(self.head(hidden_ND), inputs["classes"])
        with torch.no_grad():
            teacher = self.teacher.to(features_BVD.device)
            theirs_BTE, whole_BT = teacher(
                inputs["whole"], inputs["whole_positions"], padded=inputs["whole_padded"]
            )
            vectors_BE = teacher.pool(theirs_BTE, whole_BT, inputs["whole_positions"])
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
        """Return the mean distance of visible tokens' features, where the teacher reads them."""
        if encoder.config.class_token:
            ours_BVD = ours_BVD[:, 1:]
        if self.teacher.config.class_token:
            theirs_BTE = theirs_BTE[:, 1:]
        places_BV = inputs["places"]
        read_BV = (inputs["visible"] != PAD) & (places_BV < theirs_BTE.shape[1])
        index_BV = places_BV.clamp(max=theirs_BTE.shape[1] - 1)
        found_BVE = theirs_BTE.gather(1, index_BV[..., None].expand(-1, -1, theirs_BTE.shape[-1]))
        distances_BV = _cosine_distance(self.project(ours_BVD), found_BVE)
        return (distances_BV * read_BV).sum() / read_BV.sum().clamp(min=1)

    def _teacher_tokens(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return the teacher's own tokens of the whole barcodes, and their positions."""
        config, corpus = self.teacher.config, batch.corpus
        window = whole_window(
            batch.lengths_B, batch.marker_positions(), config.k, 1, config.max_tokens
        )
        tokens_BT = config.tokenizer.encode_at(
            corpus.codes, corpus.starts[batch.rows], window.starts_BTM, window.counts_B
        )
        return tokens_BT, window.positions_BT


def _cosine_distance(ours: Tensor, theirs: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(ours.float(), theirs.float(), dim=-1)


def _similarities(vectors_BD: Tensor) -> Tensor:
    unit_BD = F.normalize(vectors_BD.float(), dim=-1)
    return unit_BD @ unit_BD.T
