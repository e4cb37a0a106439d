"""Fragments: decide whether two disjoint fragments are of one barcode, and of one BIN.

After the structural objectives of Di Liello et al. (see arXiv 2309.08272), which ask whether two
spans of text are from the same paragraph or document. Each barcode is cut in two, and its first
fragment is paired with its own second fragment and with that of another barcode, where possible
of the same BIN. ``--group-by bin:2`` puts such barcodes into a batch.

The encoder reads each fragment on its own, and the decision is made from the two vectors, so that
everything it needs must be in them. All barcodes of a batch are cut at the same token: otherwise
the positions alone would show which fragments belong together.
Shapes: B barcodes, K k-mers, D dimensions of a vector, N pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import LABELS, Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import PAD, UNKNOWN
from barcodeembed.objectives.base import Inputs, Objective, padded
from barcodeembed.objectives.contrastive import view_vectors
from barcodeembed.objectives.substitution import detection_losses


class Fragments(Objective):
    """Structural objective: are two disjoint fragments of one barcode, and of one BIN?"""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options:
        """Settings.

        Attributes:
            shortest: Minimum length of a fragment, as a fraction of the shortest barcode of the
                batch.
            bin_weight: Weight of the question about BINs. Rows without a BIN are not asked.
        """

        shortest: float = 0.25
        bin_weight: float = 1.0

        def __post_init__(self) -> None:
            if not 0 < self.shortest <= 0.5:
                raise TrainingError(f"shortest is {self.shortest}, not in (0, 0.5]")
            if self.bin_weight < 0:
                raise TrainingError(f"bin_weight is {self.bin_weight}, not positive or 0")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.heads = nn.ModuleDict(
            {question: nn.Linear(2 * config.dimension, 1) for question in ("barcode", "bin")}
        )
        self.heads.apply(initialise)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        merge, bins_B = self.config.merge, batch.labels_BR[:, LABELS.index("bin")]
        cut = choose_cut((batch.tokens_BT[:, ::merge] != PAD).sum(1), self.options.shortest, rng)
        first_N, second_N = pair(bins_B, rng)
        asked_M = np.flatnonzero((bins_B[first_N] >= 0) & (bins_B[second_N] >= 0))
        return {
            **_fragment(batch, slice(cut), merge, "_0"),
            **_fragment(batch, slice(cut, None), merge, "_1"),
            "first": first_N,
            "second": second_N,
            "same_barcode": first_N == second_N,
            "asked": asked_M,
            "same_bin": (bins_B[first_N] == bins_B[second_N])[asked_M],
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        # Unit vectors, scaled so that their values are about 1. Otherwise the heads learn slowly.
        scale = self.config.dimension**0.5
        one_ND, other_ND = (
            scale * F.normalize(view_vectors(encoder, inputs, f"_{n}"), dim=-1)[inputs[name]]
            for n, name in enumerate(("first", "second"))
        )
        # Both are symmetric, so the order of the fragments does not matter.
        compared_NC = torch.cat(((one_ND - other_ND).abs(), one_ND * other_ND), dim=-1)
        barcode = detection_losses(
            self.heads["barcode"](compared_NC).squeeze(-1), inputs["same_barcode"]
        )
        asked_MC = compared_NC[inputs["asked"]]
        of_bin = detection_losses(self.heads["bin"](asked_MC).squeeze(-1), inputs["same_bin"])
        return {
            "loss": barcode["loss"] + self.options.bin_weight * of_bin["loss"],
            "accuracy": barcode["accuracy"],
            "bin_loss": of_bin["loss"],
            "bin_accuracy": of_bin["accuracy"],
        }


def choose_cut(lengths_B: np.ndarray, shortest: float, rng: np.random.Generator) -> int:
    """Draw the number of tokens of the first fragments, from the number of tokens of the barcodes.

    Both fragments of the shortest barcode have at least the fraction ``shortest`` of its tokens.
    """
    length = int(lengths_B.min())
    least = max(1, round(shortest * length))
    return int(rng.integers(least, max(length - least, least), endpoint=True))


def pair(bins_B: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the barcodes (N,) of the first and the second fragment of each pair.

    Each barcode is paired with itself and with another: for every second barcode one of the same
    BIN, if the batch has one, and otherwise any other barcode.
    """
    count = len(bins_B)
    own_B = np.arange(count)
    if count == 1:
        return own_B, own_B
    other_B = (own_B + rng.integers(1, count, count)) % count
    alike_BB = (bins_B[:, None] == bins_B) & (bins_B >= 0) & ~np.eye(count, dtype=bool)
    # The largest random number of a row selects one of its barcodes of the same BIN.
    sibling_B = np.where(alike_BB, rng.random((count, count)), -1).argmax(1)
    chosen_B = alike_BB.any(1) & (rng.random(count) < 0.5)
    return np.tile(own_B, 2), np.r_[own_B, np.where(chosen_B, sibling_B, other_B)]


def _fragment(batch: Batch, columns: slice, merge: int, suffix: str) -> Inputs:
    """Return the inputs of `view_vectors` for the tokens in these columns, at true positions."""
    tokens_BTM = batch.tokens_BT.reshape(len(batch.rows), -1, merge)[:, columns]
    tokens_BK = tokens_BTM.reshape(len(batch.rows), -1).copy()
    # A barcode that is too short to be cut is read as an unknown token, not as nothing.
    tokens_BK[:, 0] = np.where(tokens_BK[:, 0] == PAD, UNKNOWN, tokens_BK[:, 0])
    return {
        "tokens" + suffix: tokens_BK,
        "positions" + suffix: batch.positions_BT[:, columns],
        "padded" + suffix: padded(tokens_BK),
    }
