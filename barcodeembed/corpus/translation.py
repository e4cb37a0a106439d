"""The amino acids of k-mers.

Shapes: B sequences, K k-mers, L bases.
"""

from __future__ import annotations

import numpy as np

from barcodeembed.model.tokenizer import SPECIAL_TOKENS
from barcodeembed.sequences.bases import AMBIGUOUS, overlapping_kmers
from barcodeembed.sequences.frames import amino_acids, reading_frames

#: Numbers of amino acids, and of the stop.
ACIDS = 21


def acids_of(tokens_BK: np.ndarray, k: int) -> np.ndarray:
    """Return the number of the amino acid of each k-mer's middle base, int64 (B, K).

    The k-mers of a row follow each other. The reading frame is the one with the fewest stop codons.
    -1 stands for a codon that is not complete, or has an ambiguous base.
    """
    kmers_BK1 = tokens_BK[..., None] - SPECIAL_TOKENS
    bases_BKk = np.where(kmers_BK1 < 0, AMBIGUOUS, kmers_BK1 // 4 ** np.arange(k)[::-1] % 4)
    bases_BL = bases_BKk.reshape(len(tokens_BK), -1).astype(np.uint8)
    middle_K = np.arange(tokens_BK.shape[1]) * k + k // 2
    first_BK = middle_K - (middle_K - reading_frames(bases_BL)[:, None]) % 3
    codons_BL = overlapping_kmers(bases_BL, 3)
    inside_BK = (first_BK >= 0) & (first_BK < codons_BL.shape[1])
    codons_BK = np.take_along_axis(codons_BL, np.where(inside_BK, first_BK, 0), 1)
    numbers = np.append(np.unique(list(amino_acids()), return_inverse=True)[1], -1)
    return np.where(inside_BK, numbers[codons_BK], -1)
