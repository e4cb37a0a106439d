"""Explicit n-gram masking: one [MASK] hides a frequent n-gram, which is then predicted.

From ERNIE-Gram, Xiao et al., arXiv 2010.12148. As there, the identity of the n-gram and its tokens
are both predicted from one context. The encoder reads a shorter sequence at true positions. A mask
has the position of the first token of its n-gram, so the gap after the mask shows the length of the
n-gram, but never its bases. With ``generator=yes`` a generator reads this sequence instead, and the
encoder reads the n-grams that the generator proposes (see proposals.py).
Shapes: B sequences, T tokens, S tokens and masks that are read, N hidden tokens, G hidden
n-grams.
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
from barcodeembed.objectives.proposals import GramGenerator, proposal_inputs
from barcodeembed.objectives.substitution import detect, detection_head


class NgramLanguageModel(Objective):
    """N-gram masking (ERNIE-Gram): predict frequent n-grams, each hidden under one mask."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """Settings.

        Attributes:
            mask_ratio: Fraction of the tokens to hide.
            lexicon: Number of n-grams.
            longest: Maximum number of tokens in an n-gram.
            generator: Let a generator fill the masks. The encoder then reads whole sequences, and
                also detects the tokens that the generator changed.
            detection_weight: Weight of the detection, with a generator.
        """

        mask_ratio: float = 0.3
        lexicon: int = 4096
        longest: int = 3
        generator: bool = False
        detection_weight: float = 50.0

        def __post_init__(self) -> None:
            if not 0 < self.mask_ratio < 1:
                raise TrainingError(f"mask_ratio is {self.mask_ratio}, not between 0 and 1")
            if self.longest < 2:
                raise TrainingError(f"longest is {self.longest}; an n-gram has at least two tokens")
            if self.lexicon < self.longest - 1:
                raise TrainingError(f"lexicon is {self.lexicon}, less than one n-gram per length")
            if self.detection_weight <= 0:
                raise TrainingError(f"detection_weight is {self.detection_weight}, not positive")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.lexicon = mine_lexicon(corpus, config.tokenizer, options.lexicon, options.longest)
        # If the corpus has no repeated n-gram, only single tokens are hidden, without this head.
        self.gram_head = nn.Linear(config.width, max(len(self.lexicon), 1))
        self.offsets = nn.Embedding(options.longest, config.width)
        # Without this layer an offset would shift all logits equally, whatever the n-gram.
        self.transform = nn.Sequential(
            nn.Linear(config.width, config.width), nn.GELU(), nn.LayerNorm(config.width)
        )
        for module in (self.gram_head, self.offsets, self.transform[0]):
            initialise(module)
        self.head = kmer_head(config)
        self.generator = GramGenerator(config, self.lexicon) if options.generator else None
        self.detector = detection_head(config) if options.generator else None

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT = batch.tokens_BT
        ids_BT, lengths_BT = self.lexicon.find(tokens_BT)
        units_BT = segment(lengths_BT)
        hidden_BT = hide_units(tokens_BT, units_BT, lengths_BT, self.options.mask_ratio, rng)
        columns_BT = np.broadcast_to(np.arange(tokens_BT.shape[1]), tokens_BT.shape)
        begins_BT = units_BT == columns_BT
        read_BT = (tokens_BT != PAD) & (begins_BT | ~hidden_BT)
        read_BS = gather_rows(np.where(hidden_BT, MASK, tokens_BT), read_BT, PAD)
        # The flat index in ``read_BS`` of each token, or of the mask that hides it.
        rows_B = np.arange(len(tokens_BT))[:, None] * read_BS.shape[1]
        index_BT = rows_B + read_BT.cumsum(1) - 1
        predicted, classes = targets(tokens_BT, hidden_BT)
        grams_BT = hidden_BT & begins_BT & (ids_BT >= 0)
        inputs = {
            "tokens": read_BS,
            "positions": gather_rows(batch.positions_BT, read_BT, 0),
            "padded": padded(read_BS),
            "grams": index_BT[grams_BT],
            "ids": ids_BT[grams_BT],
            "predicted": index_BT.reshape(-1)[predicted],
            "offsets": (columns_BT - units_BT).reshape(-1)[predicted],
            "classes": classes,
        }
        if self.generator is None:
            return inputs
        return inputs | proposal_inputs(batch, grams_BT, index_BT, hidden_BT, units_BT, rng)

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        if self.generator is not None:
            return self._detect(encoder, inputs)
        features_BSD = token_features(
            encoder, inputs["tokens"], inputs["positions"], padded=inputs["padded"]
        )
        return self._predict(features_BSD, inputs["grams"], inputs["predicted"], inputs)

    def _predict(
        self, features_BTD: Tensor, grams_G: Tensor, predicted_N: Tensor, inputs: Inputs
    ) -> dict[str, Tensor]:
        """Predict n-grams and tokens from the features at the first token of each n-gram."""
        read_ND = features_BTD.flatten(0, 1)
        grams = token_losses(self.gram_head(read_ND[grams_G]), inputs["ids"])
        hidden_ND = read_ND[predicted_N] + self.offsets(inputs["offsets"])
        kmers = token_losses(self.head(self.transform(hidden_ND)), inputs["classes"])
        return {
            "loss": grams["loss"] + kmers["loss"],
            "accuracy": kmers["accuracy"],
            "id_loss": grams["loss"],
            "id_accuracy": grams["accuracy"],
        }

    def _detect(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        """Detect and correct the n-grams and tokens that the generator proposes."""
        assert self.generator is not None and self.detector is not None
        shown_BT, generator_loss = self.generator(encoder.tokens.weight, inputs)
        features_BTD = token_features(
            encoder, shown_BT, inputs["whole_positions"], padded=inputs["whole_padded"]
        )
        found = self._predict(
            features_BTD, inputs["whole_grams"], inputs["whole_predicted"], inputs
        )
        replaced_N = (shown_BT != inputs["whole"]).flatten()[inputs["judged"]]
        detected = detect(self.detector, features_BTD, inputs["judged"], replaced_N)
        weighted = self.options.detection_weight * detected["loss"]
        return {
            **found,
            "loss": found["loss"] + generator_loss + weighted,
            "generator_loss": generator_loss,
            "detection_loss": detected["loss"],
            "recall": detected["recall"],
        }


def segment(lengths_BT: np.ndarray) -> np.ndarray:
    """Cut sequences into units by maximum matching. Returns the first column (B, T) of each's unit.

    ``lengths_BT`` is the length that a unit would have if it began at each token.
    """
    units_BT = np.zeros_like(lengths_BT)
    begin_B, end_B = np.zeros((2, len(lengths_BT)), np.int64)
    for column in range(lengths_BT.shape[1]):
        begin_B = np.where(end_B == column, column, begin_B)
        end_B = np.where(end_B == column, column + lengths_BT[:, column], end_B)
        units_BT[:, column] = begin_B
    return units_BT


def hide_units(
    tokens_BT: np.ndarray,
    units_BT: np.ndarray,
    lengths_BT: np.ndarray,
    ratio: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Choose random whole units, with up to ``round(ratio * n)`` of n real tokens; bool (B, T).

    The choice stops before the first unit that would exceed the limit. At least one token stays
    visible.
    """
    real_BT = tokens_BT != PAD
    count_B = real_BT.sum(1)
    limit_B = np.minimum(np.rint(ratio * count_B), count_B - 1)
    # All tokens of a unit have the same draw, so they stay together in the order of draws.
    draws_BT = np.take_along_axis(rng.random(tokens_BT.shape, np.float32), units_BT, 1)
    order_BT = np.where(real_BT, draws_BT, np.inf).argsort(1, kind="stable")
    ends_BT = order_BT.argsort(1) + lengths_BT
    return real_BT & (np.take_along_axis(ends_BT, units_BT, 1) <= limit_B[:, None])
