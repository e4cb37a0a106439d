"""Which tokens of a batch are hidden, in numpy.

Shapes: B sequences, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.corpus.batches import Batch
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import PAD, SPECIAL_TOKENS
from barcodeembed.sequences.frames import reading_frames


@dataclass(frozen=True, slots=True)
class Masking:
    """How tokens are hidden: the settings that every masked objective shares.

    ``mask_ratio`` of the tokens are hidden, in runs of ``span``; with ``codons`` the runs begin at
    a codon where they can. Of the hidden, ``random`` are shown as some other k-mer and ``kept``
    as they are, all to be predicted (BERT, arXiv 1810.04805); the rest is masked or left out.
    """

    mask_ratio: float = 0.5
    span: int = 1
    codons: bool = False
    random: float = 0.0
    kept: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.mask_ratio < 1:
            raise TrainingError(f"mask_ratio is {self.mask_ratio}, not between 0 and 1")
        if self.span < 1:
            raise TrainingError(f"span is {self.span}, not a number of tokens")
        if min(self.random, self.kept) < 0 or self.random + self.kept > 1:
            raise TrainingError("random and kept are shares of the hidden tokens")

    def hide(self, batch: Batch, k: int, rng: np.random.Generator) -> np.ndarray:
        """Choose the tokens to predict; bool (B, T)."""
        phase_B = None
        if self.codons:
            phase_B = codon_phase(batch, k, self.span)
        return choose_hidden(batch.tokens_BT, self.mask_ratio, rng, self.span, phase_B)

    def show(
        self, tokens_BT: np.ndarray, hidden_BT: np.ndarray, k: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the tokens, some of the hidden now random, and the hidden ones to mask."""
        if not self.random + self.kept:
            return tokens_BT, hidden_BT
        draws_BT = rng.random(tokens_BT.shape, np.float32)
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
) -> np.ndarray:
    """Choose ``round(ratio * n)`` of each sequence's n real tokens, evenly; bool (B, T).

    The count is fixed by the length, so that equal barcodes leave equally many tokens visible
    and a batch of them needs no padding. One token at least stays visible, and one is hidden
    where there are two. Runs of ``span`` tokens are hidden together, the last one cut short;
    they begin at ``phase_B`` (modulo the span), at random without it.
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
    order_BT = np.where(real_BT, draws_BT, np.inf).argsort(1, kind="stable")
    return order_BT.argsort(1) < counts_B[:, None]


def codon_phase(batch: Batch, k: int, span: int) -> np.ndarray:
    """Return, for each barcode, a token (B,) that begins a codon, 0 where none can.

    The reading frame is the one with the fewest stop codons. With k a multiple of three all
    tokens begin alike, and the frame is the cut's; otherwise one in three begins a codon.
    """
    frame_B = reading_frames(batch.bases())
    begins_BT = (batch.first_B[:, None] + np.arange(min(span, 3)) * k - frame_B[:, None]) % 3 == 0
    return begins_BT.argmax(1)


def gather_rows(values_BT: np.ndarray, chosen_BT: np.ndarray, fill: int) -> np.ndarray:
    """Move the chosen entries of each row to its front, in order, and fill up to the longest."""
    counts_B = chosen_BT.sum(1)
    gathered = np.full((len(values_BT), max(int(counts_B.max(initial=0)), 1)), fill, np.int64)
    gathered[np.arange(gathered.shape[1]) < counts_B[:, None]] = values_BT[chosen_BT]
    return gathered


def targets(tokens_BT: np.ndarray, predicted_BT: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat places (N,) and k-mer classes (N,) to be predicted.

    Tokens with an ambiguous base are nobody's target.
    """
    places = np.flatnonzero(predicted_BT & (tokens_BT >= SPECIAL_TOKENS))
    return places, tokens_BT.reshape(-1)[places] - SPECIAL_TOKENS
