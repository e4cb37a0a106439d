"""The ways of cutting barcodes into tokens that `tokenization.py` compares.

The tool itself cuts barcodes into k-mers that do not overlap, because all k-mers of a model have
the same length and its positions are multiples of it. The other tokens are made here: barcodes
become sequences of tokens before the model reads them, as if each token were a base.

A hidden token of overlapping k-mers could be read from its neighbours. Runs of 2k - 1 of them are
therefore hidden, so that k bases are in no k-mer that the encoder reads.
Shapes: B barcodes, L bases or tokens of all barcodes, one after another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from byte_pairs import FIRST_PAIR, encode_pairs, learn_pairs

from barcodeembed.model.config import PRESETS, ModelConfig
from barcodeembed.model.tokenizer import SPECIAL_TOKENS, UNKNOWN, KmerTokenizer
from barcodeembed.sequences.bases import AMBIGUOUS, overlapping_kmers

#: Barcodes from which byte pairs are learned.
_LEARNED_FROM = 2_000

#: More bases than any barcode that is compared has.
MAX_BASES = 720


@dataclass(frozen=True, slots=True)
class Cut:
    """Barcodes as tokens. ``codes`` are base codes if ``k``-mers are cut by the model itself.

    Otherwise they are the numbers of tokens, of which there are ``vocabulary``. ``span`` tokens are
    hidden together.
    """

    codes: np.ndarray
    lengths_B: np.ndarray
    k: int = 1
    vocabulary: int = 0
    span: int = 1


@dataclass(frozen=True, slots=True)
class Tokens(KmerTokenizer):
    """Reads barcodes that are tokens already, each as long as one base."""

    k: int = 1
    vocabulary: int = 0

    @property
    def vocabulary_size(self) -> int:
        return SPECIAL_TOKENS + self.vocabulary

    def number(self, windows: np.ndarray) -> np.ndarray:
        return windows[..., 0].astype(np.int64)


@dataclass(frozen=True, slots=True)
class TokenConfig(ModelConfig):
    """A model of such tokens."""

    vocabulary: int = 0

    @property
    def tokenizer(self) -> KmerTokenizer:
        return Tokens(vocabulary=self.vocabulary)


def kmers(codes: np.ndarray, lengths_B: np.ndarray, *, k: int) -> Cut:
    return Cut(codes, lengths_B, k)


def overlapping(codes: np.ndarray, lengths_B: np.ndarray, *, k: int) -> Cut:
    """Return a k-mer for each base of each barcode but the last k - 1."""
    numbers_L = np.pad(overlapping_kmers(codes, k), (0, k - 1))
    last_L = np.repeat(np.cumsum(lengths_B), lengths_B) - k
    tokens_L = np.where(numbers_L == 4**k, UNKNOWN, numbers_L + SPECIAL_TOKENS)
    begins_L = np.arange(len(codes)) <= last_L
    return Cut(tokens_L[begins_L], np.maximum(lengths_B - k + 1, 0), 1, 4**k, 2 * k - 1)


def byte_pairs(codes: np.ndarray, lengths_B: np.ndarray, *, vocabulary: int) -> Cut:
    """Return byte pairs, learned from the first barcodes. The bases are part of the vocabulary."""
    some = int(lengths_B[:_LEARNED_FROM].sum())
    pairs = learn_pairs(codes[:some], lengths_B[:_LEARNED_FROM], vocabulary - 4)
    symbols_L, counts_B = encode_pairs(codes, lengths_B, pairs)
    numbers_L = np.where(symbols_L < FIRST_PAIR, symbols_L, symbols_L - 1)
    tokens_L = np.where(symbols_L == AMBIGUOUS, UNKNOWN, numbers_L + SPECIAL_TOKENS)
    return Cut(tokens_L, counts_B, 1, 4 + len(pairs))


TOKENIZATIONS: dict[str, Callable[..., Cut]] = {
    "bases": partial(kmers, k=1),
    "3-mers": partial(kmers, k=3),
    "4-mers": partial(kmers, k=4),
    "6-mers": partial(kmers, k=6),
    "8-mers": partial(kmers, k=8),
    "overlapping 3-mers": partial(overlapping, k=3),
    "overlapping 4-mers": partial(overlapping, k=4),
    "overlapping 6-mers": partial(overlapping, k=6),
    "256 byte pairs": partial(byte_pairs, vocabulary=256),
    "1024 byte pairs": partial(byte_pairs, vocabulary=1024),
}


def make_config(cut: Cut) -> ModelConfig:
    config = replace(PRESETS["tiny"].model, k=cut.k, max_tokens=MAX_BASES // cut.k)
    if not cut.vocabulary:
        return config
    values = {name: getattr(config, name) for name in ModelConfig.__dataclass_fields__}
    return TokenConfig(**values, vocabulary=cut.vocabulary)
