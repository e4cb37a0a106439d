"""WCED: predict the whole barcode from its one pooled vector.

It follows the whole-cell expression decoder of BMFM-RNA (arXiv 2506.14861), which predicts the
profile of a cell from its class token. Here each k-mer is predicted only from the pooled vector
and its position. Everything that is learned must therefore pass through the vector that ``embed``
returns. Positions count from the start of the marker in an anchored model. Otherwise they count
from the random start of the stretch, so that the vector must also encode this start.
Shapes: B sequences, T tokens, K k-mers (T, unless the model merges k-mers), V tokens that the
encoder reads, N targets, D width of the encoder, W width of the decoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import choose_hidden, gather_rows, targets
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.decoder import decoder_config
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import FeedForward, initialise
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.base import (
    Inputs,
    Objective,
    kmer_features,
    kmer_head,
    padded,
    token_losses,
)


class WholeBarcodeDecoder(Objective):
    """Whole-barcode decoder (WCED, BMFM-RNA): predict k-mers from the vector and a position."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options:
        """Settings.

        Attributes:
            keep: Fraction of the tokens that the encoder reads.
            predict_ratio: Fraction of the tokens to predict.
            decoder_width: Width of the decoder; 0 is the width of the encoder.
            read_weight: Weight of a k-mer that the encoder has read. Those that it has not read,
                with ``keep`` below 1, have the weight 1, as genes outside the input in BMFM-RNA.
        """

        keep: float = 1.0
        predict_ratio: float = 0.5
        decoder_width: int = 0
        read_weight: float = 1.0

        def __post_init__(self) -> None:
            for name in ("keep", "predict_ratio"):
                if not 0 < getattr(self, name) <= 1:
                    raise TrainingError(f"{name} is {getattr(self, name)}, not in (0, 1]")
            if self.decoder_width < 0:
                raise TrainingError(f"decoder_width is {self.decoder_width}, not positive or 0")
            if self.read_weight < 0 or (self.keep == 1 and self.read_weight != 1):
                raise TrainingError("read_weight must not be negative, and needs keep below 1")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.decoder = VectorDecoder(config, options.decoder_width)
        self.head = kmer_head(self.decoder.config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BK, options, merge = batch.tokens_BT, self.options, self.config.merge
        first_BT = tokens_BK[:, ::merge]
        read_BT = predicted_BT = first_BT != PAD
        if options.keep < 1:
            read_BT = read_BT & ~choose_hidden(first_BT, 1 - options.keep, rng)
        if options.predict_ratio < 1:
            predicted_BT = choose_hidden(first_BT, options.predict_ratio, rng)
        read_BK = read_BT.repeat(merge, 1)
        predicted, classes = targets(tokens_BK, predicted_BT.repeat(merge, 1))
        read_BV = gather_rows(tokens_BK, read_BK, PAD, least=merge)
        return {
            "tokens": read_BV,
            "positions": gather_rows(batch.positions_BT, read_BT, 0),
            "padded": padded(read_BV),
            "sequences": predicted // tokens_BK.shape[1],
            "predicted_positions": batch.positions_BT.reshape(-1)[predicted // merge],
            "parts": predicted % merge,
            "classes": classes,
            "read": read_BK.reshape(-1)[predicted],
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        vectors_BD = encoder.embed(inputs["tokens"], inputs["positions"], padded=inputs["padded"])
        rebuilt_NW = self.decoder(vectors_BD, inputs["sequences"], inputs["predicted_positions"])
        index_N = torch.arange(len(rebuilt_NW), device=rebuilt_NW.device) * self.config.merge
        kmers_KW = kmer_features(rebuilt_NW, self.decoder.config)
        logits_NV = self.head(kmers_KW[index_N + inputs["parts"]])
        metrics = token_losses(logits_NV, inputs["classes"])
        if self.options.read_weight == 1:
            return metrics
        losses_N = F.cross_entropy(logits_NV.float(), inputs["classes"], reduction="none")
        weights_N = torch.where(inputs["read"], self.options.read_weight, 1.0)
        total = weights_N.sum().clamp(min=1e-9)
        return metrics | {"loss": (losses_N * weights_N).sum() / total}


class VectorDecoder(nn.Module):
    """Computes features of positions from one vector, by one hidden layer for all positions.

    There is no attention between positions: it would cost more, and could not add information.
    Each position scales and shifts the vector in its own way (FiLM, arXiv 1709.07871).
    """

    def __init__(self, config: ModelConfig, width: int = 0) -> None:
        super().__init__()
        self.config = decoder_config(config, layers=1, width=width)
        self.project = nn.Linear(config.dimension, self.config.width)
        self.scale = nn.Embedding(config.max_tokens, self.config.width)
        self.shift = nn.Embedding(config.max_tokens, self.config.width)
        self.norm = nn.LayerNorm(self.config.width)
        self.feed_forward = FeedForward(self.config)
        self.closing_norm = nn.LayerNorm(self.config.width)
        self.apply(initialise)

    def forward(self, vectors_BD: Tensor, sequences_N: Tensor, positions_N: Tensor) -> Tensor:
        """Return features (N, W) of the given positions of the given sequences."""
        read_NW = self.project(vectors_BD)[sequences_N] * self.scale(positions_N)
        x_NW = self.norm(read_NW + self.shift(positions_N))
        return self.closing_norm(x_NW + self.feed_forward(x_NW))
