"""WCED: the whole barcode is rebuilt from the one vector that stands for it.

After the whole-cell expression decoder of BMFM-RNA (arXiv 2506.14861), which rebuilds a cell's
profile from its class token: here every k-mer is asked for from the pooled vector and its position
alone, so all that is learnt has to pass through what ``embed`` returns. Positions count from the
marker's start in an anchored model, else from the cut, which the encoder must therefore tell.
Shapes: B sequences, V tokens that the encoder reads, N targets, D width of the encoder, W of the
decoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import choose_hidden, gather_rows, targets
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.decoder import decoder_config
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import FeedForward, initialise
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.base import Inputs, Objective, kmer_head, padded, token_losses


class WholeBarcodeDecoder(Objective):
    """Cross-entropy on unambiguous k-mers, each rebuilt from the pooled vector and its position."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """Shares of the tokens that the encoder reads (``keep``) and that are asked for.

        The decoder is ``decoder_width`` wide, as wide as the encoder where that is 0.
        """

        keep: float = 1.0
        positions: float = 0.5
        decoder_width: int = 0

        def __post_init__(self) -> None:
            for name in ("keep", "positions"):
                if not 0 < getattr(self, name) <= 1:
                    raise TrainingError(f"{name} is {getattr(self, name)}, no share of the tokens")
            if self.decoder_width < 0:
                raise TrainingError(f"no decoder of width {self.decoder_width}")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.decoder = VectorDecoder(config, options.decoder_width)
        self.head = kmer_head(self.decoder.config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT, options = batch.tokens_BT, self.options
        read_BT = asked_BT = tokens_BT != PAD
        if options.keep < 1:
            read_BT = read_BT & ~choose_hidden(tokens_BT, 1 - options.keep, rng)
        if options.positions < 1:
            asked_BT = choose_hidden(tokens_BT, options.positions, rng)
        asked, classes = targets(tokens_BT, asked_BT)
        read_BV = gather_rows(tokens_BT, read_BT, PAD)
        return {
            "tokens": read_BV,
            "positions": gather_rows(batch.positions_BT, read_BT, 0),
            "padded": padded(read_BV),
            "sequences": asked // tokens_BT.shape[1],
            "places": batch.positions_BT.reshape(-1)[asked],
            "classes": classes,
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        vectors_BD = encoder.embed(inputs["tokens"], inputs["positions"], padded=inputs["padded"])
        rebuilt_NW = self.decoder(vectors_BD, inputs["sequences"], inputs["places"])
        return token_losses(self.head(rebuilt_NW), inputs["classes"])


class VectorDecoder(nn.Module):
    """Rebuilds features of places from one vector: one hidden layer, shared by all places.

    Attention among the places could bring in nothing that the vector does not hold, and costs
    more. Each place reads its own mixture of the vector (FiLM, arXiv 1709.07871).
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

    def forward(self, vectors_BD: Tensor, sequences_N: Tensor, places_N: Tensor) -> Tensor:
        """Return features (N, W) of some places of some of the sequences."""
        read_NW = self.project(vectors_BD)[sequences_N] * self.scale(places_N)
        x_NW = self.norm(read_NW + self.shift(places_N))
        return self.closing_norm(x_NW + self.feed_forward(x_NW))
