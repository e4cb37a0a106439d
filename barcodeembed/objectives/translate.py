"""Translation: predict the DNA where its amino acids are seen, and the reverse; align the two.

After UNITER (Chen et al., arXiv 1909.11740), which reads an image and its caption together. Here
the encoder reads the k-mers of a barcode and, at the same positions, their amino acids. The
embeddings of the amino acids are not part of the model. There are three losses:

- Half of the barcodes have k-mers hidden, and all amino acids are seen; the other half have amino
  acids hidden, and all k-mers are seen (conditional masking). What is hidden is predicted.
- The features of k-mers and amino acids are compared by optimal transport, with the plan of IPOT
  (Xie et al., arXiv 1802.04307). The distance to the amino acids of the barcode should be less
  than to those of another one.

Shapes: B sequences, T and S tokens, K k-mers (T, unless the model merges k-mers), D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import Masking, targets
from barcodeembed.corpus.translation import ACIDS, acids_of
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import MASK, PAD
from barcodeembed.objectives.base import (
    Inputs,
    Objective,
    kmer_features,
    kmer_head,
    padded,
    token_losses,
)

#: Numbers of what is no amino acid.
_HIDDEN, _UNREAD = ACIDS, ACIDS + 1

_ITERATIONS = 20
_STEP = 0.5


class Translation(Objective):
    """Translation (UNITER): predict DNA from its amino acids and the reverse, and align them."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Masking):
        """Settings.

        Attributes:
            alignment: Weight of the optimal transport.
        """

        alignment: float = 0.1

        def __post_init__(self) -> None:
            Masking.__post_init__(self)
            if self.random or self.kept:
                raise TrainingError("translate masks all hidden k-mers; random and kept must be 0")
            if self.alignment < 0:
                raise TrainingError(f"alignment is {self.alignment}, not positive or 0")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        if config.class_token or config.causal_blocks:
            raise TrainingError("translate needs a model without class token and causal blocks")
        width = config.width // config.merge
        self.acids = nn.Embedding(ACIDS + 2, width)
        self.head = kmer_head(config)
        self.acid_head = nn.Linear(width, ACIDS)
        initialise(self.acid_head)
        self.site_weights = options.weights(corpus, config)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        k, merge, tokens_BK = self.config.k, self.config.merge, batch.tokens_BT
        hidden_BK = self.options.hide(batch, k, rng, merge, self.site_weights)
        of_dna_B1 = rng.permutation(len(tokens_BK))[:, None] % 2 == 0
        dna_BK, acid_BK = hidden_BK & of_dna_B1, hidden_BK & ~of_dna_B1
        acids_BK = acids_of(tokens_BK, k)
        predicted, classes = targets(tokens_BK, dna_BK)
        acid_predicted = np.flatnonzero(acid_BK & (acids_BK >= 0))
        shown_BK = np.where(acids_BK < 0, _UNREAD, acids_BK)
        return {
            "tokens": np.where(dna_BK, MASK, tokens_BK),
            "acids": np.where(acid_BK, _HIDDEN, shown_BK),
            "positions": batch.positions_BT,
            "padded": padded(tokens_BK),
            "predicted": predicted,
            "classes": classes,
            "acid_predicted": acid_predicted,
            "acid_classes": acids_BK.reshape(-1)[acid_predicted],
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        dna_BTD, acid_BTD, real_BT = self.read(encoder, inputs)
        dna_KD, acid_KD = (kmer_features(x, self.config) for x in (dna_BTD, acid_BTD))
        dna = token_losses(self.head(dna_KD[inputs["predicted"]]), inputs["classes"])
        acids = self.acid_head(acid_KD[inputs["acid_predicted"]])
        acid = token_losses(acids, inputs["acid_classes"])
        loss = dna["loss"] + acid["loss"]
        metrics = {"accuracy": dna["accuracy"], "dna_loss": dna["loss"], "acid_loss": acid["loss"]}
        if self.options.alignment:
            own_B = distances(dna_BTD, acid_BTD, real_BT, real_BT)
            other_B = distances(dna_BTD, acid_BTD.roll(1, 0), real_BT, real_BT.roll(1, 0))
            metrics["alignment_loss"] = F.softplus(own_B - other_B).mean()
            loss = loss + self.options.alignment * metrics["alignment_loss"]
        return {"loss": loss, **metrics}

    def read(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Return the features of k-mers and of amino acids, (B, T, D), and which are real."""
        tokens_BK, positions_BT = inputs["tokens"], inputs["positions"]
        real_BT = tokens_BK[:, :: self.config.merge] != PAD
        embedded_BTD = [
            table(numbers_BK).view(*real_BT.shape, -1)
            for table, numbers_BK in ((encoder.tokens, tokens_BK), (self.acids, inputs["acids"]))
        ]
        both_BT = torch.cat((real_BT, real_BT), dim=1)
        features_BTD = encoder.stack(
            torch.cat(embedded_BTD, dim=1),
            torch.cat((positions_BT, positions_BT), dim=1),
            both_BT[:, None, None] if inputs["padded"] else None,
        )
        dna_BTD, acid_BTD = features_BTD.chunk(2, dim=1)
        return dna_BTD, acid_BTD, real_BT


def distances(one_BTD: Tensor, other_BSD: Tensor, real_BT: Tensor, real_BS: Tensor) -> Tensor:
    """Return the cost of moving the tokens of one sequence to those of another, (B,).

    The cost of a pair of tokens is one minus their cosine. The plan has no gradient.
    """
    with torch.autocast(one_BTD.device.type, enabled=False):
        one_BTD, other_BSD = (F.normalize(x.float(), dim=-1) for x in (one_BTD, other_BSD))
        costs_BTS = 1 - one_BTD @ other_BSD.mT
        plan_BTS = transport(costs_BTS.detach(), real_BT, real_BS)
        return (plan_BTS * costs_BTS).sum((1, 2))


@torch.no_grad()
def transport(costs_BTS: Tensor, real_BT: Tensor, real_BS: Tensor) -> Tensor:
    """Return the plan (B, T, S) that moves the same mass from all real tokens at the least cost."""
    real_BTS = (real_BT[:, :, None] & real_BS[:, None]).float()
    kernel_BTS = torch.exp(-costs_BTS / _STEP) * real_BTS
    from_B1, to_B1 = (real.sum(1, keepdim=True).clamp(min=1) for real in (real_BT, real_BS))
    plan_BTS, columns_BS = real_BTS, real_BS / to_B1
    for _ in range(_ITERATIONS):
        scaled_BTS = kernel_BTS * plan_BTS
        rows_BT = real_BT / (from_B1 * _times(scaled_BTS, columns_BS))
        columns_BS = real_BS / (to_B1 * _times(scaled_BTS.mT, rows_BT))
        plan_BTS = rows_BT[:, :, None] * scaled_BTS * columns_BS[:, None]
    return plan_BTS


def _times(matrix_BTS: Tensor, vector_BS: Tensor) -> Tensor:
    return (matrix_BTS @ vector_BS[..., None]).squeeze(-1).clamp(min=1e-12)
