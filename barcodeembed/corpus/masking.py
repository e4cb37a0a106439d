"""Choose the tokens of a batch to hide. Needs only numpy.

``sites="variable"`` follows linguistic entity masking (Fernando and Ranathunga, arXiv 2501.05700),
which hides only informative tokens, one per entity. In barcodes of one gene, the variable positions
of the marker are informative.
Shapes: B sequences, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.site_entropy import site_entropies
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.tokenizer import PAD, SPECIAL_TOKENS
from barcodeembed.sequences.frames import reading_frames

SITES = ("all", "variable")

#: So that an invariable token is still chosen before padding.
_LEAST_WEIGHT = 1e-6


@dataclass(frozen=True, slots=True)
class Masking:
    """Settings of all masked objectives: which tokens are hidden, and how.

    Attributes:
        mask_ratio: Fraction of the tokens to hide. All hidden tokens are predicted.
        span: Number of consecutive tokens that are hidden together.
        codons: Begin spans at a codon, if k allows it.
        random: Fraction of the hidden tokens to show as a random k-mer (BERT, arXiv 1810.04805).
        kept: Fraction of the hidden tokens to show unchanged (BERT). All others are masked, or
            left out.
        sites: "all" hides tokens with equal probability, "variable" in proportion to the entropy
            of their position in the marker. Entropies are of the training barcodes.
    """

    mask_ratio: float = 0.5
    span: int = 1
    codons: bool = False
    random: float = 0.0
    kept: float = 0.0
    sites: str = "all"

    def __post_init__(self) -> None:
        if not 0 < self.mask_ratio < 1:
            raise TrainingError(f"mask_ratio is {self.mask_ratio}, not between 0 and 1")
        if self.span < 1:
            raise TrainingError(f"span is {self.span}, not a number of tokens")
        if min(self.random, self.kept) < 0 or self.random + self.kept > 1:
            raise TrainingError(
                f"random {self.random} and kept {self.kept} are not fractions with a sum up to 1"
            )
        if self.sites not in SITES:
            raise TrainingError(f"sites is {self.sites!r}, not one of {SITES}")
        if self.sites == "variable" and self.span > 1:
            raise TrainingError("sites=variable hides single tokens; use span=1")

    def weights(self, corpus: Corpus, config: ModelConfig) -> np.ndarray | None:
        """Return the weight of each position in the marker for ``hide``, or None if all are equal.

        Raises TrainingError if the corpus has not been located in the marker.
        """
        return site_entropies(corpus, config) if self.sites == "variable" else None

    def hide(
        self,
        batch: Batch,
        k: int,
        rng: np.random.Generator,
        merge: int = 1,
        weights_P: np.ndarray | None = None,
    ) -> np.ndarray:
        """Choose the k-mers to predict, bool (B, T). All k-mers of a merged token are chosen.

        ``weights_P`` is from ``weights``.
        """
        phase_B = None
        if self.codons:
            phase_B = codon_phase(batch, k * merge, self.span)
        first_BT = batch.tokens_BT[:, ::merge]
        weights_BT = None if weights_P is None else weights_P[batch.positions_BT]
        return choose_hidden(first_BT, self.mask_ratio, rng, self.span, phase_B, weights_BT).repeat(
            merge, 1
        )

    def show(
        self,
        tokens_BT: np.ndarray,
        hidden_BT: np.ndarray,
        k: int,
        rng: np.random.Generator,
        merge: int = 1,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the k-mers, with some hidden ones randomised, and the hidden ones to mask.

        All k-mers of a merged token are randomised, kept or masked together.
        """
        if not self.random + self.kept:
            return tokens_BT, hidden_BT
        draws_BT = rng.random(tokens_BT[:, ::merge].shape, np.float32).repeat(merge, 1)
        replaced_BT = hidden_BT & (draws_BT < self.random)
        others_BT = rng.integers(SPECIAL_TOKENS, SPECIAL_TOKENS + 4**k, tokens_BT.shape)
        masked_BT = hidden_BT & (draws_BT >= self.random + self.kept)
        return np.where(replaced_BT, others_BT, tokens_BT), masked_BT


def choose_hidden(
    tokens_BT: np.ndarray,
    ratio: float,
    rng: np.random.Generator,
    span: int = 1,
    phase_B: np.ndarray | None = None,
    weights_BT: np.ndarray | None = None,
    groups_BT: np.ndarray | None = None,
) -> np.ndarray:
    """Choose ``round(ratio * n)`` of each sequence's n real tokens; bool (B, T).

    The count depends only on the length. Sequences of equal length therefore leave equally many
    tokens visible, and need no padding. At least one token stays visible, and at least one is
    hidden if there are two. Spans of ``span`` tokens are hidden together; the last one may be
    shorter. Spans begin at ``phase_B`` (modulo ``span``), or at a random phase without it.

    With ``groups_BT``, tokens of the same number (from 0) are hidden together instead, but for the
    last ones.

    All tokens have the same probability. With ``weights_BT`` they are drawn one after another, in
    proportion to their weights.
    """
    real_BT = tokens_BT != PAD
    lengths_B = real_BT.sum(1)
    counts_B = np.clip(np.rint(ratio * lengths_B), np.minimum(1, lengths_B - 1), lengths_B - 1)
    draws_BT = rng.random(tokens_BT.shape, np.float32)
    if span > 1:
        if phase_B is None:
            phase_B = rng.integers(0, span, len(tokens_BT))
        run_BT = (np.arange(tokens_BT.shape[1]) + span - phase_B[:, None] % span) // span
        draws_BT = np.take_along_axis(draws_BT, np.minimum(run_BT, tokens_BT.shape[1] - 1), 1)
    if groups_BT is not None:
        draws_BG = rng.random((len(tokens_BT), int(groups_BT.max(initial=0)) + 1), np.float32)
        draws_BT = np.take_along_axis(draws_BG, groups_BT, 1)
    if weights_BT is not None:
        # The first of several exponential clocks is each with a probability that is its rate.
        draws_BT = -np.log1p(-draws_BT) / np.maximum(weights_BT, _LEAST_WEIGHT)
    order_BT = np.where(real_BT, draws_BT, np.inf).argsort(1, kind="stable")
    return order_BT.argsort(1) < counts_B[:, None]


def codon_phase(batch: Batch, k: int, span: int) -> np.ndarray:
    """Return the first token (B,) of each barcode that begins at a codon, or 0 if there is none.

    The reading frame is the one with the fewest stop codons. If k is a multiple of three, either
    all tokens of a barcode begin at a codon or none does. Otherwise one token in three does.
    """
    frame_B = reading_frames(batch.bases())
    begins_BT = (batch.first_B[:, None] + np.arange(min(span, 3)) * k - frame_B[:, None]) % 3 == 0
    return begins_BT.argmax(1)


def gather_rows(
    values_BT: np.ndarray, chosen_BT: np.ndarray, fill: int, least: int = 1
) -> np.ndarray:
    """Move the chosen entries of each row to the front, in order, and fill the rest.

    The result has at least ``least`` columns.
    """
    counts_B = chosen_BT.sum(1)
    gathered = np.full((len(values_BT), max(int(counts_B.max(initial=0)), least)), fill, np.int64)
    gathered[np.arange(gathered.shape[1]) < counts_B[:, None]] = values_BT[chosen_BT]
    return gathered


def targets(tokens_BT: np.ndarray, predicted_BT: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat indices (N,) in the batch and the k-mer classes (N,) to be predicted.

    Tokens with an ambiguous base are never predicted.
    """
    indices = np.flatnonzero(predicted_BT & (tokens_BT >= SPECIAL_TOKENS))
    return indices, tokens_BT.reshape(-1)[indices] - SPECIAL_TOKENS
