"""Random views of a barcode: trimmed, shifted, and with sequencing errors.

Shapes: B barcodes, L bases, T tokens, V visible tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.masking import choose_hidden, gather_rows
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.tokenizer import PAD
from barcodeembed.model.window import random_window
from barcodeembed.sequences.bases import AMBIGUOUS, overlapping_kmers
from barcodeembed.sequences.frames import amino_acids, reading_frames


@dataclass(frozen=True, slots=True)
class Views:
    """Settings of all objectives on views: how a view differs from its barcode.

    Rates are maxima: half of the barcodes have no errors of a kind, and each of the others draws
    its own rate from 0 to the maximum. Whole clean barcodes must stay familiar.

    Attributes:
        shortest: Minimum length of a view, as a fraction of the barcode. All views of a batch
            have the same length, so that they need no padding.
        errors: Rate of substitutions per base.
        indels: Rate of insertions and deletions per base.
        ambiguous: Rate of N per base.
        synonymous: Rate of changes per codon that leave the protein unchanged.
        reverse: Reverse-complement half of the views.
        keep: Minimum fraction of the tokens that the encoder reads. The others are left out. Each
            batch draws its own fraction, from the minimum to 1.
    """

    shortest: float = 0.5
    errors: float = 0.02
    indels: float = 0.0
    ambiguous: float = 0.01
    synonymous: float = 0.0
    reverse: bool = False
    keep: float = 1.0

    def __post_init__(self) -> None:
        for name in ("shortest", "errors", "indels", "ambiguous", "synonymous", "keep"):
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"{name} is {getattr(self, name)}, not between 0 and 1")
        if not self.shortest * self.keep:
            raise TrainingError("shortest and keep must not be 0: the encoder would read nothing")

    def draw(self, batch: Batch, config: ModelConfig, rng: np.random.Generator) -> dict[str, Any]:
        """Return one view of each barcode: its ``tokens`` (k-mers) and ``positions``, int64.

        ``padded`` is true if some token is padding. Only very short barcodes need padding.
        """
        bases_BL, lengths_B, positions_BL = batch.bases(), batch.lengths_B, batch.marker_positions()
        if self.reverse:
            if config.anchored:
                raise TrainingError(
                    "an anchored model reads only one strand; do not set reverse=yes"
                )
            reversed_B = rng.random(len(lengths_B)) < 0.5
            complements_BL = _reverse_complements(bases_BL, lengths_B)
            bases_BL = np.where(reversed_B[:, None], complements_BL, bases_BL)
        if self.synonymous:
            bases_BL = _synonymous(bases_BL, _rates(self.synonymous, lengths_B, rng), rng)
        if self.errors:
            bases_BL = _substituted(bases_BL, _rates(self.errors, lengths_B, rng), rng)
        if self.indels:
            bases_BL, lengths_B, source_BL = _shifted(
                bases_BL, lengths_B, _rates(self.indels, lengths_B, rng), rng
            )
            if positions_BL is not None:
                positions_BL = np.take_along_axis(positions_BL, source_BL, 1)
        if self.ambiguous:
            draws_BL = rng.random(bases_BL.shape, np.float32)
            ambiguous_BL = draws_BL < _rates(self.ambiguous, lengths_B, rng)
            bases_BL = np.where(ambiguous_BL, np.uint8(AMBIGUOUS), bases_BL)
        window = random_window(
            lengths_B,
            positions_BL,
            config.k,
            config.merge,
            config.max_tokens,
            rng,
            rng.uniform(self.shortest, 1),
        ).frayed(rng)
        tokens_BT = config.tokenizer.encode_at(
            bases_BL.reshape(-1),
            np.arange(len(bases_BL)) * bases_BL.shape[1],
            window.starts_BTM,
            window.counts_B,
        )
        return self._leave_out(tokens_BT, window.positions_BT, config.merge, rng)

    def _leave_out(
        self,
        tokens_BT: np.ndarray,
        positions_BT: np.ndarray,
        merge: int,
        rng: np.random.Generator,
    ) -> dict[str, Any]:
        """Leave tokens out of a view. The other tokens keep their positions."""
        if self.keep < 1:
            first_BT = tokens_BT[:, ::merge]
            hidden = 1 - rng.uniform(self.keep, 1)
            visible_BT = (first_BT != PAD) & ~choose_hidden(first_BT, hidden, rng)
            positions_BT = gather_rows(positions_BT, visible_BT, 0)
            tokens_BT = gather_rows(tokens_BT, visible_BT.repeat(merge, 1), PAD)
        return {
            "tokens": tokens_BT,
            "positions": positions_BT,
            "padded": bool((tokens_BT == PAD).any()),
        }


def _rates(maximum: float, lengths_B: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a rate (B, 1) for each barcode: 0 for half of them."""
    return np.maximum(rng.uniform(-maximum, maximum, (len(lengths_B), 1)), 0)


def _reverse_complements(bases_BL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
    """Return the reverse complements, each at the start of its row."""
    positions_BL = lengths_B[:, None] - 1 - np.arange(bases_BL.shape[1])
    bases_BL = np.take_along_axis(bases_BL, np.maximum(positions_BL, 0), 1)
    return np.where((positions_BL < 0) | (bases_BL == AMBIGUOUS), AMBIGUOUS, 3 - bases_BL)


def _substituted(bases_BL: np.ndarray, rates_B: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replace bases by one of the three others, at these rates (B, 1)."""
    draws_BL = rng.random(bases_BL.shape, np.float32)
    errors = np.nonzero((draws_BL < rates_B) & (bases_BL != AMBIGUOUS))
    changed_BL = bases_BL.copy()
    changed_BL[errors] = (bases_BL[errors] + rng.integers(1, 4, len(errors[0]))) % 4
    return changed_BL


def _shifted(
    bases_BL: np.ndarray, lengths_B: np.ndarray, rates_B: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Delete bases and duplicate others, equally often.

    Returns the bases, the new lengths, and the column (B, L) where each base was before.
    """
    draws_BL = rng.random(bases_BL.shape, np.float32)
    steps_BL = np.ones(bases_BL.shape, np.int8)
    steps_BL += draws_BL < rates_B / 2
    steps_BL -= draws_BL > 1 - rates_B / 2
    positions_BL = np.maximum(steps_BL.cumsum(1, np.int32) - 1, 0)
    inside_BL = positions_BL < lengths_B[:, None]
    positions_BL = np.minimum(positions_BL, bases_BL.shape[1] - 1)
    shifted_BL = np.take_along_axis(bases_BL, positions_BL, 1)
    return np.where(inside_BL, shifted_BL, AMBIGUOUS), inside_BL.sum(1), positions_BL


def _synonymous(bases_BL: np.ndarray, rates_B: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change third codon positions that keep the amino acid, in the most likely reading frame."""
    codons_BL = overlapping_kmers(bases_BL, 3)
    in_frame_BL = np.arange(codons_BL.shape[1]) % 3 == reading_frames(bases_BL)[:, None]
    chosen_BL = in_frame_BL & (rng.random(codons_BL.shape) < rates_B) & (codons_BL < 64)
    thirds = _synonyms()[np.minimum(codons_BL, 63), rng.integers(0, 12, codons_BL.shape)]
    changed_BL = bases_BL.copy()
    changed_BL[:, 2:] = np.where(chosen_BL, thirds, bases_BL[:, 2:])
    return changed_BL


@lru_cache
def _synonyms() -> np.ndarray:
    """Return the other synonymous third bases of each codon, repeated to twelve; (64, 12)."""
    acids = amino_acids()
    table = np.empty((64, 12), np.uint8)
    for codon in range(64):
        block = codon // 4 * 4
        others = [t for t in range(4) if block + t != codon and acids[block + t] == acids[codon]]
        others = others or [codon % 4]
        table[codon] = np.tile(others, 12 // len(others))
    return table
