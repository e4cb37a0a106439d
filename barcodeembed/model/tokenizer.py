"""Non-overlapping k-mer tokens, in numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.sequences.bases import AMBIGUOUS, encode_bases

PAD, MASK, UNKNOWN, CLASS = range(4)
SPECIAL_TOKENS = 4


@dataclass(frozen=True, slots=True)
class KmerTokenizer:
    """Cuts a sequence into consecutive k-mers and numbers them.

    Ids 0 to 3 are pad, mask, unknown (a k-mer with an ambiguous base) and class; the k-mers
    follow in lexicographic order from 4. The bases left after the last whole k-mer are dropped.
    Cutting at k, not sliding, follows BarcodeBERT (arXiv 2311.02401).
    """

    k: int

    def __post_init__(self) -> None:
        if not 1 <= self.k <= 8:
            raise ValueError(f"k is {self.k}, not between 1 and 8")

    @property
    def vocabulary_size(self) -> int:
        return SPECIAL_TOKENS + 4**self.k

    def count_tokens(self, length: int) -> int:
        """Return how many tokens a sequence of this many bases has."""
        return length // self.k

    def encode(self, bases: str) -> np.ndarray:
        """Return the token ids of one sequence, int64 of shape (length // k,).

        >>> KmerTokenizer(2).encode("AAACNTT").tolist()
        [4, 5, 2]
        """
        codes = encode_bases(bases)
        count = self.count_tokens(len(codes))
        return self.number(codes[: count * self.k].reshape(count, self.k))

    def number(self, windows: np.ndarray) -> np.ndarray:
        """Return token ids, int64 (...), of base codes uint8 (..., k)."""
        powers = 4 ** np.arange(self.k - 1, -1, -1)
        tokens = windows.astype(np.int64) @ powers + SPECIAL_TOKENS
        return np.where((windows == AMBIGUOUS).any(-1), UNKNOWN, tokens)

    def encode_windows(
        self, codes: np.ndarray, starts: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        """Tokenize many sequences at once from one array of base codes.

        ``codes`` is uint8 (total,), ``starts`` the first base of each sequence's first token and
        ``counts`` its number of tokens, both int64 (B,). Returns int64 (B, max(counts)), padded.
        """
        width = int(counts.max(initial=1))
        places = np.broadcast_to(np.arange(width) * self.k, (len(starts), width))
        return self.encode_at(codes, starts, places[..., None], counts)

    def encode_at(
        self, codes: np.ndarray, firsts: np.ndarray, starts: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        """Number the k-mers that begin at given bases of many sequences.

        ``firsts`` (B,) says where in ``codes`` each sequence begins, ``starts`` (B, T, M) at which
        of its bases its k-mers do, M of them to a token, -1 where one is missing: it is unknown.
        Returns int64 (B, T * M), padding from the ``counts`` (B,)-th token on.
        """
        real = np.arange(starts.shape[1]) < counts[:, None]
        there = real[..., None] & (starts >= 0)
        begins = np.where(there, firsts[:, None, None] + starts, 0)
        tokens = self.number(codes[begins[..., None] + np.arange(self.k)])
        tokens = np.where(there, tokens, np.where(real[..., None], UNKNOWN, PAD))
        return tokens.reshape(len(starts), -1)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the bases that token ids stand for; specials become runs of N.

        >>> KmerTokenizer(3).decode(KmerTokenizer(3).encode("ACGTTA"))
        'ACGTTA'
        """
        return "".join(self._spell(int(token)) for token in tokens)

    def _spell(self, token: int) -> str:
        if token < SPECIAL_TOKENS:
            return "N" * self.k
        number = token - SPECIAL_TOKENS
        return "".join("ACGT"[number >> 2 * (self.k - 1 - i) & 3] for i in range(self.k))
