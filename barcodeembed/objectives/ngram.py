"""Explicit n-gram masking: frequent n-grams are hidden under one [MASK] each, and named.

ERNIE-Gram, Xiao et al., arXiv 2010.12148, with its joint prediction of the n-gram's identity and
of its tokens from one context, but without its generator, which samples other n-grams to hide and
to detect. The encoder reads a shorter sequence at true positions: a mask stands where its n-gram
begins, so the gap after it tells the n-gram's length, never its bases.
Shapes: B sequences, T tokens, S tokens and masks that are read, N hidden tokens, G hidden n-grams.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.lexicon import mine_lexicon
from barcodeembed.corpus.masking import gather_rows, targets
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import MASK, PAD
from barcodeembed.objectives.base import (
    Inputs,
    Objective,
    kmer_head,
    padded,
    token_features,
    token_losses,
)


class NgramLanguageModel(Objective):
    """Cross-entropy on the ids of hidden n-grams, plus that on all hidden, unambiguous k-mers."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """``lexicon`` n-grams of 2 to ``longest`` tokens; ``mask_ratio`` of tokens is hidden."""

        mask_ratio: float = 0.3
        lexicon: int = 4096
        longest: int = 3

        def __post_init__(self) -> None:
            if not 0 < self.mask_ratio < 1:
                raise TrainingError(f"mask_ratio is {self.mask_ratio}, not between 0 and 1")
            if self.longest < 2:
                raise TrainingError(f"longest is {self.longest}; an n-gram has two tokens or more")
            if self.lexicon < self.longest - 1:
                raise TrainingError(f"a lexicon of {self.lexicon} has not one n-gram a length")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.lexicon = mine_lexicon(corpus, config.tokenizer, options.lexicon, options.longest)
        # A corpus without a repeated n-gram leaves single tokens to hide, and a head unused.
        self.gram_head = nn.Linear(config.width, max(len(self.lexicon), 1))
        self.offsets = nn.Embedding(options.longest, config.width)
        # Without it the offset would only add the same to the same k-mers, whatever the n-gram.
        self.transform = nn.Sequential(
            nn.Linear(config.width, config.width), nn.GELU(), nn.LayerNorm(config.width)
        )
        for module in (self.gram_head, self.offsets, self.transform[0]):
            initialise(module)
        self.head = kmer_head(config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT = batch.tokens_BT
        ids_BT, lengths_BT = self.lexicon.find(tokens_BT)
        units_BT = segment(lengths_BT)
        hidden_BT = hide_units(tokens_BT, units_BT, lengths_BT, self.options.mask_ratio, rng)
        places_BT = np.broadcast_to(np.arange(tokens_BT.shape[1]), tokens_BT.shape)
        begins_BT = units_BT == places_BT
        read_BT = (tokens_BT != PAD) & (begins_BT | ~hidden_BT)
        read_BS = gather_rows(np.where(hidden_BT, MASK, tokens_BT), read_BT, PAD)
        # Where each token's own mask, or the token itself, stands among what is read.
        rows_B = np.arange(len(tokens_BT))[:, None] * read_BS.shape[1]
        standing_BT = rows_B + read_BT.cumsum(1) - 1
        predicted, classes = targets(tokens_BT, hidden_BT)
        grams_BT = hidden_BT & begins_BT & (ids_BT >= 0)
        return {
            "tokens": read_BS,
            "positions": gather_rows(batch.positions_BT, read_BT, 0),
            "padded": padded(read_BS),
            "grams": standing_BT[grams_BT],
            "ids": ids_BT[grams_BT],
            "predicted": standing_BT.reshape(-1)[predicted],
            "offsets": (places_BT - units_BT).reshape(-1)[predicted],
            "classes": classes,
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BSD = token_features(
            encoder, inputs["tokens"], inputs["positions"], padded=inputs["padded"]
        )
        read_D = features_BSD.flatten(0, 1)
        named = token_losses(self.gram_head(read_D[inputs["grams"]]), inputs["ids"])
        asked_ND = read_D[inputs["predicted"]] + self.offsets(inputs["offsets"])
        spelt = token_losses(self.head(self.transform(asked_ND)), inputs["classes"])
        return {
            "loss": named["loss"] + spelt["loss"],
            "accuracy": spelt["accuracy"],
            "id_loss": named["loss"],
            "id_accuracy": named["accuracy"],
        }


def segment(lengths_BT: np.ndarray) -> np.ndarray:
    """Cut sequences into units by maximum matching; the place (B, T) where each token's begins.

    ``lengths_BT`` says how long a unit that begins at each token would be.
    """
    units_BT = np.zeros_like(lengths_BT)
    begin_B, end_B = np.zeros((2, len(lengths_BT)), np.int64)
    for place in range(lengths_BT.shape[1]):
        begin_B = np.where(end_B == place, place, begin_B)
        end_B = np.where(end_B == place, place + lengths_BT[:, place], end_B)
        units_BT[:, place] = begin_B
    return units_BT


def hide_units(
    tokens_BT: np.ndarray,
    units_BT: np.ndarray,
    lengths_BT: np.ndarray,
    ratio: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Choose whole units at random, up to ``round(ratio * n)`` of n real tokens; bool (B, T).

    The first that would exceed it ends the choice. One token at least stays visible.
    """
    real_BT = tokens_BT != PAD
    count_B = real_BT.sum(1)
    most_B = np.minimum(np.rint(ratio * count_B), count_B - 1)
    # Tokens of a unit share its draw, and so stand together in the order of draws.
    draws_BT = np.take_along_axis(rng.random(tokens_BT.shape, np.float32), units_BT, 1)
    order_BT = np.where(real_BT, draws_BT, np.inf).argsort(1, kind="stable")
    ends_BT = order_BT.argsort(1) + lengths_BT
    return real_BT & (np.take_along_axis(ends_BT, units_BT, 1) <= most_B[:, None])
