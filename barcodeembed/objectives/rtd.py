"""Replaced token detection: a small generator replaces k-mers, and the encoder detects them.

From ELECTRA (Clark et al., arXiv 2003.10555). The generator is a separate masked language model,
which reads [MASK] and is discarded after training. The encoder reads k-mers sampled by the
generator, never a mask. The generator is trained only by its own loss, because no gradient passes
through its samples.

``sharing`` selects the k-mer embeddings that the generator reads:

- ``none``: its own.
- ``tied``: the encoder's, trained by both losses.
- ``gdes``: the encoder's without gradient, plus differences of its own.
- ``deberta``: its own, which the encoder reads without gradient, plus the encoder's differences.

The last one is that of DeBERTaV3 (He et al., arXiv 2111.09543; see given_table.py), where the two
losses do not conflict in one table. In ``gdes`` the roles are exchanged: the encoder owns its whole
table, which only detection trains. The disadvantage is that the encoder does not profit from what
the generator learns, as it does in the paper.

A generator that is narrower than the shared table reads it through a linear projection. Its output
layer is always its own.
Shapes: B sequences, T tokens, K k-mers (T, unless the model merges k-mers), D the encoder's width,
W the generator's, P masked k-mers, V k-mers, N k-mers to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import targets
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.decoder import decoder_config
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import Stack, initialise
from barcodeembed.model.tokenizer import MASK, PAD, SPECIAL_TOKENS
from barcodeembed.objectives.base import (
    Inputs,
    Objective,
    kmer_features,
    kmer_head,
    padded,
    token_features,
    token_losses,
)
from barcodeembed.objectives.given_table import GivenTable
from barcodeembed.objectives.substitution import (
    Substitution,
    detection_head,
    detection_losses,
    judge,
    kmer_indices,
)

SHARING = ("none", "tied", "gdes", "deberta")


class ReplacedTokenDetection(Objective):
    """Replaced token detection (ELECTRA): detect k-mers replaced by a small generator."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Substitution):
        detection_weight: float = 50.0
        generator_width: float = 0.5
        generator_layers: int = 1
        sharing: str = "gdes"

        def __post_init__(self) -> None:
            Substitution.__post_init__(self)
            if self.detection_weight <= 0:
                raise TrainingError(f"detection_weight is {self.detection_weight}, not positive")
            if not 0 < self.generator_width <= 1:
                raise TrainingError(f"generator_width is {self.generator_width}, not in (0, 1]")
            if self.generator_layers < 1:
                raise TrainingError(f"generator_layers is {self.generator_layers}, not positive")
            if self.sharing not in SHARING:
                raise TrainingError(f"sharing is {self.sharing!r}, not one of {SHARING}")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        width = max(1, round(options.generator_width * config.width))
        self.generator = Generator(config, width, options.generator_layers, options.sharing)
        self.head = detection_head(config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT = batch.tokens_BT
        chosen_BT = self.options.choose(tokens_BT, rng)
        masked, classes = targets(tokens_BT, chosen_BT)
        return {
            "tokens": tokens_BT,
            "generator_tokens": np.where(chosen_BT, MASK, tokens_BT),
            "positions": batch.positions_BT,
            "padded": padded(tokens_BT),
            "masked": masked,
            "classes": classes,
            "uniform": rng.random(len(masked), np.float32),
            "judged": kmer_indices(tokens_BT),
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        return self.compete(encoder, inputs)[0]

    def compete(self, encoder: Encoder, inputs: Inputs) -> tuple[dict[str, Tensor], Tensor]:
        """Return loss and metrics, and the detection loss (N,) of each judged token."""
        tokens_BT, judged_N = inputs["tokens"], inputs["judged"]
        if self.options.sharing == "deberta" and self.training:
            self.generator.given.give(encoder.tokens.weight)
        logits_PV = self.generator(
            encoder.tokens.weight,
            inputs["generator_tokens"],
            inputs["positions"],
            inputs["masked"],
            padded=inputs["padded"],
        )
        generated = token_losses(logits_PV, inputs["classes"])
        sampled_P = sample(logits_PV, inputs["uniform"]) + SPECIAL_TOKENS
        shown_BT = tokens_BT.flatten().scatter(0, inputs["masked"], sampled_P).view_as(tokens_BT)
        features_BTD = token_features(
            encoder, shown_BT, inputs["positions"], padded=inputs["padded"]
        )
        # If the generator samples the original k-mer, the token counts as original.
        replaced_N = (shown_BT != tokens_BT).flatten()[judged_N]
        logits_N = judge(self.head, features_BTD, judged_N)
        detected = detection_losses(logits_N, replaced_N)
        losses_N = F.binary_cross_entropy_with_logits(
            logits_N.detach().float(), replaced_N.float(), reduction="none"
        )
        return {
            **detected,
            "loss": generated["loss"] + self.options.detection_weight * detected["loss"],
            "detection_loss": detected["loss"],
            "generator_loss": generated["loss"],
            "generator_accuracy": generated["accuracy"],
        }, losses_N


class Generator(nn.Module):
    """A masked language model that is narrower and shallower than the encoder."""

    def __init__(self, config: ModelConfig, width: int, layers: int, sharing: str) -> None:
        super().__init__()
        self.config, self.sharing = decoder_config(config, layers, width), sharing
        vocabulary = config.tokenizer.vocabulary_size
        if sharing == "none":
            self.tokens = nn.Embedding(vocabulary, width // config.merge)
            # Initialise as the encoder initialises its table.
            nn.init.normal_(self.tokens.weight, std=1.0 if config.norm == "pre" else 0.02)
        else:
            self.project = nn.Linear(config.width, width)
            initialise(self.project)
        if sharing == "deberta":
            self.given = GivenTable(vocabulary, config.width // config.merge)
        if sharing == "gdes":
            self.differences = nn.Embedding(vocabulary, config.width // config.merge)
            nn.init.zeros_(self.differences.weight)
        self.stack = Stack(self.config, layers)
        self.head = kmer_head(self.config)

    def forward(
        self,
        table_VD: Tensor,
        tokens_BT: Tensor,
        positions_BT: Tensor,
        masked_P: Tensor,
        *,
        padded: bool,
    ) -> Tensor:
        """Return the logits (P, V) of k-mers at the masked flat indices."""
        features_NW = self.features(table_VD, tokens_BT, positions_BT, padded=padded)
        return self.head(features_NW[masked_P])

    def features(
        self, table_VD: Tensor, tokens_BT: Tensor, positions_BT: Tensor, *, padded: bool
    ) -> Tensor:
        """Return the features (B * K, W / merge) of k-mers.

        ``table_VD`` has the encoder's embeddings, including special tokens. ``sharing`` none
        does not use it.
        """
        real_BT = tokens_BT[:, :: self.config.merge] != PAD
        mask = real_BT[:, None, None, :] if padded else None
        embedded_BTW = self._embed(table_VD, tokens_BT, real_BT.shape)
        return kmer_features(self.stack(embedded_BTW, positions_BT, mask), self.config)

    def _embed(self, table_VD: Tensor, tokens_BT: Tensor, shape: torch.Size) -> Tensor:
        """Return the embedded tokens (B, T, W). The k-mers of a token are side by side."""
        if self.sharing == "none":
            return self.tokens(tokens_BT).view(*shape, -1)
        if self.sharing == "tied":
            return self.project(F.embedding(tokens_BT, table_VD).view(*shape, -1))
        if self.sharing == "deberta":
            return self.project(self.given(tokens_BT).view(*shape, -1))
        shared_BTD = F.embedding(tokens_BT, table_VD.detach()) + self.differences(tokens_BT)
        return self.project(shared_BTD.view(*shape, -1))


def sample(logits_PV: Tensor, uniform_P: Tensor) -> Tensor:
    """Draw a class (P,) from the softmax of each row, by inverting its cumulative sum.

    ``uniform_P`` has the random numbers, in [0, 1). They are drawn before, in ``prepare``. No
    gradient passes.
    """
    cumulative_PV = logits_PV.detach().float().softmax(-1).cumsum(-1)
    # Rounding can make the last sum slightly different from 1.
    threshold_P1 = uniform_P[:, None] * cumulative_PV[:, -1:]
    drawn_P = torch.searchsorted(cumulative_PV, threshold_P1, right=True).squeeze(-1)
    return drawn_P.clamp(max=logits_PV.shape[1] - 1)
