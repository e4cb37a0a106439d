"""Find the n-grams of k-mer tokens that are more frequent in a corpus than chance explains.

They are mined as in ERNIE-Gram (Xiao et al., arXiv 2010.12148). N-grams of each length are ranked
by a t-test of the hypothesis that their tokens follow one another independently. The best of each
length are selected, in equal numbers.
Shapes: B sequences, T tokens, M tokens of the sample, G n-grams.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.corpus.corpus import Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import PAD, SPECIAL_TOKENS, KmerTokenizer

#: Maximum number of tokens to count, about 100,000 COI barcodes. Counting takes seconds.
_MAX_SAMPLE = 11_000_000
_CUTS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Lexicon:
    """N-grams, numbered from 0 by length and then by their tokens.

    ``grams`` has one array for each length 2, 3, ...: the sorted keys from ``number_grams``.
    """

    k: int
    grams: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return sum(map(len, self.grams))

    def kmers(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the k-mer classes (G, longest) of each n-gram, filled with 0, and its length (G,).

        ``find`` has the same order.
        """
        longest = len(self.grams) + 1
        kmers_GN = np.zeros((len(self), longest), np.int64)
        lengths_G = np.repeat(np.arange(2, longest + 1), [len(keys) for keys in self.grams])
        for n, keys in enumerate(self.grams, 2):
            shifts = 2 * self.k * np.arange(n - 1, -1, -1)
            kmers_GN[lengths_G == n, :n] = keys[:, None] >> shifts & 4**self.k - 1
        return kmers_GN, lengths_G

    def find(self, tokens_BT: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the id (B, T) and the length of the longest n-gram that begins at each token.

        Without such an n-gram the id is -1 and the length 1.
        """
        ids_BT, lengths_BT = np.full(tokens_BT.shape, -1), np.ones(tokens_BT.shape, np.int64)
        first = 0
        for n, keys_G in enumerate(self.grams, 2):
            keys_BT = number_grams(tokens_BT, n, self.k)
            index_BT = np.searchsorted(keys_G, keys_BT)
            # The appended key is for all that come after the last one, and equals none of them.
            in_lexicon_BT = np.append(keys_G, -2)[index_BT] == keys_BT
            ids_BT = np.where(in_lexicon_BT, first + index_BT, ids_BT)
            lengths_BT = np.where(in_lexicon_BT, n, lengths_BT)
            first += len(keys_G)
        return ids_BT, lengths_BT


def mine_lexicon(corpus: Corpus, tokenizer: KmerTokenizer, size: int, longest: int) -> Lexicon:
    """Return up to ``size`` n-grams of 2 to ``longest`` tokens, always the same for one corpus.

    Raises TrainingError if n-grams of ``longest`` tokens do not fit into 64-bit keys.
    """
    if 2 * tokenizer.k * longest > 62:
        raise TrainingError(
            f"n-grams of {longest} {tokenizer.k}-mers are too long; the limit is 31 bases"
        )
    tokens_M = sample_tokens(corpus, tokenizer)
    per_length, remainder = divmod(size, longest - 1)
    grams = []
    for n in range(2, longest + 1):
        keys_G, scores_G = score_grams(tokens_M, n, tokenizer.k)
        best = np.argsort(-scores_G, kind="stable")[: per_length + (n - 2 < remainder)]
        grams.append(np.sort(keys_G[best]))
    return Lexicon(tokenizer.k, tuple(grams))


def sample_tokens(corpus: Corpus, tokenizer: KmerTokenizer) -> np.ndarray:
    """Return the tokens of training barcodes, int32 (M,), with PAD after each barcode.

    The barcodes are evenly spaced in the corpus. They are cut at the k offsets in turn, because
    training cuts at any offset. All barcodes of a small corpus are cut at every offset.
    """
    k, rows = tokenizer.k, corpus.train
    barcode = max(1, int(corpus.lengths[rows].mean()) // k)
    count = min(len(rows) * k, max(1, _MAX_SAMPLE // barcode))
    numbers = np.arange(count)
    rows, offsets = rows[numbers * len(rows) // count], numbers % k
    parts = []
    for start in range(0, count, _CUTS_AT_ONCE):
        chunk = slice(start, start + _CUTS_AT_ONCE)
        first_B = corpus.starts[rows[chunk]] + offsets[chunk]
        counts_B = np.maximum(corpus.lengths[rows[chunk]] - offsets[chunk], 0) // k
        tokens_BT = tokenizer.encode_windows(corpus.codes, first_B, counts_B)
        ended_BT = np.pad(tokens_BT, ((0, 0), (0, 1)), constant_values=PAD)
        parts.append(ended_BT[np.arange(ended_BT.shape[1]) <= counts_B[:, None]].astype(np.int32))
    return np.concatenate(parts)


def score_grams(tokens_M: np.ndarray, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys (G,) of the n-grams more frequent than by chance, and their t statistics.

    t is (p - q) / sqrt(p (1 - p) / N). N is the number of all n-grams, p the fraction of this
    n-gram, and q the product of the fractions of its tokens. N-grams that occur once are left out,
    and so is an n-gram without any other.
    """
    keys_M = number_grams(tokens_M, n, k)
    keys_G, counts_G = np.unique(keys_M[keys_M >= 0], return_counts=True)
    total = int(counts_G.sum())
    repeated_G = (counts_G > 1) & (counts_G < total)
    keys_G, fraction_G = keys_G[repeated_G], counts_G[repeated_G] / total
    real_M = tokens_M[tokens_M >= SPECIAL_TOKENS]
    token_fraction = np.bincount(real_M - SPECIAL_TOKENS, minlength=4**k) / len(real_M)
    chance_G = np.ones(len(keys_G))
    for i in range(n):
        chance_G *= token_fraction[keys_G >> 2 * k * i & 4**k - 1]
    scores_G = (fraction_G - chance_G) / np.sqrt(fraction_G * (1 - fraction_G) / total)
    return keys_G[scores_G > 0], scores_G[scores_G > 0]


def number_grams(tokens: np.ndarray, n: int, k: int) -> np.ndarray:
    """Return a key, int64 (..., T), for the n-gram that begins at each token.

    The key is the n-gram's bases as a number in base 4. It is -1 if the n-gram would run past the
    end or contain a special token.
    """
    length = tokens.shape[-1]
    widths = [(0, 0)] * (tokens.ndim - 1) + [(0, n - 1)]
    classes = np.pad(tokens.astype(np.int64), widths, constant_values=PAD) - SPECIAL_TOKENS
    keys, whole = np.zeros(tokens.shape, np.int64), np.ones(tokens.shape, bool)
    for i in range(n):
        part = classes[..., i : i + length]
        keys = keys << 2 * k | part
        whole &= part >= 0
    return np.where(whole, keys, -1)
