"""k-mer counts as vectors: a baseline that needs no training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.sequences.bases import AMBIGUOUS, encode_bases


@dataclass(frozen=True, slots=True)
class KmerCounter:
    """Counts overlapping k-mers without ambiguous bases; can be used instead of an embedder."""

    k: int = 5
    max_bases: int = 1_000_000

    @property
    def fingerprint(self) -> str:
        return f"{self.k}-mer counts"

    @property
    def dimension(self) -> int:
        return 4**self.k

    @property
    def settings(self) -> dict[str, str | int]:
        return {}

    def encode(self, sequences: Sequence[str]) -> np.ndarray:
        """Return counts, float32 (n, 4^k)."""
        powers = 4 ** np.arange(self.k - 1, -1, -1)
        vectors = np.zeros((len(sequences), self.dimension), np.float32)
        for vector, bases in zip(vectors, sequences, strict=True):
            codes = encode_bases(bases)
            if len(codes) < self.k:
                continue
            windows = np.lib.stride_tricks.sliding_window_view(codes, self.k)
            numbers = windows[(windows != AMBIGUOUS).all(1)] @ powers
            vector[:] = np.bincount(numbers, minlength=self.dimension)
        return vectors
