"""Non-overlapping k-mer tokens. Needs only numpy."""

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

    Ids 0 to 3 are pad, mask, unknown (a k-mer with an ambiguous base) and class. The k-mers
    follow in lexicographic order from id 4. Bases after the last whole k-mer are dropped.
    The k-mers do not overlap, as in BarcodeBERT (arXiv 2311.02401).
    """

    k: int

    def __post_init__(self) -> None:
        if not 1 <= self.k <= 8:
            raise ValueError(f"k is {self.k}, not between 1 and 8")

    @property
    def vocabulary_size(self) -> int:
        return SPECIAL_TOKENS + 4**self.k

    def count_tokens(self, length: int) -> int:
        """Return the number of tokens of a sequence of ``length`` bases."""
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
        """Return the token ids, int64 (...), of base codes, uint8 (..., k)."""
        powers = 4 ** np.arange(self.k - 1, -1, -1)
        tokens = windows.astype(np.int64) @ powers + SPECIAL_TOKENS
        return np.where((windows == AMBIGUOUS).any(-1), UNKNOWN, tokens)

    def encode_windows(
        self, codes: np.ndarray, starts: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        """Tokenize many sequences at once from one array of base codes.

        ``codes`` is uint8 (total,). ``starts`` is the index of the first base of each sequence's
        first token and ``counts`` its number of tokens, both int64 (B,). Returns int64
        (B, max(counts)), padded.
        """
        width = int(counts.max(initial=1))
        offsets = np.broadcast_to(np.arange(width) * self.k, (len(starts), width))
        return self.encode_at(codes, starts, offsets[..., None], counts)

    def encode_at(
        self, codes: np.ndarray, firsts: np.ndarray, starts: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        """Return the ids of the k-mers that begin at given bases of many sequences.

        ``firsts`` (B,) is the index in ``codes`` of each sequence's first base. ``starts``
        (B, T, M) is the base of the sequence where each k-mer begins, for M k-mers per token. It is
        -1 for a missing k-mer, which gets the unknown token. ``counts`` (B,) is the number of
        tokens. Returns int64 (B, T * M), padded.
        """
        real = np.arange(starts.shape[1]) < counts[:, None]
        present = real[..., None] & (starts >= 0)
        begins = np.where(present, firsts[:, None, None] + starts, 0)
        tokens = self.number(codes[begins[..., None] + np.arange(self.k)])
        tokens = np.where(present, tokens, np.where(real[..., None], UNKNOWN, PAD))
        return tokens.reshape(len(starts), -1)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the bases of token ids. Special tokens become runs of N.

        >>> KmerTokenizer(3).decode(KmerTokenizer(3).encode("ACGTTA"))
        'ACGTTA'
        """
        return "".join(self._spell(int(token)) for token in tokens)

    def _spell(self, token: int) -> str:
        if token < SPECIAL_TOKENS:
            return "N" * self.k
        number = token - SPECIAL_TOKENS
        return "".join("ACGT"[number >> 2 * (self.k - 1 - i) & 3] for i in range(self.k))
