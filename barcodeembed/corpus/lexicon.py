"""The n-grams of k-mer tokens that a corpus repeats more than chance would.

Mined as in ERNIE-Gram (Xiao et al., arXiv 2010.12148): n-grams of every length are ranked by a
t-test of the hypothesis that their tokens follow one another independently, and the best of each
length are kept, in equal numbers. Shapes: B sequences, T tokens, M tokens of the sample, G n-grams.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.corpus.corpus import Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import PAD, SPECIAL_TOKENS, KmerTokenizer

#: Tokens that are counted at most: some 100,000 barcodes of COI, which takes seconds.
_SAMPLE = 11_000_000
_CUTS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Lexicon:
    """n-grams numbered from 0, by length and then by their tokens.

    ``grams`` holds those of 2, 3, ... tokens, each length as sorted keys of ``number_grams``.
    """

    k: int
    grams: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return sum(map(len, self.grams))

    def find(self, tokens_BT: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the id (B, T) of the longest n-gram that begins at each token, and its length.

        Where none does the id is -1 and the length 1.
        """
        ids_BT, lengths_BT = np.full(tokens_BT.shape, -1), np.ones(tokens_BT.shape, np.int64)
        first = 0
        for n, known_G in enumerate(self.grams, 2):
            keys_BT = number_grams(tokens_BT, n, self.k)
            found_BT = np.searchsorted(known_G, keys_BT)
            # One key more than there are is a place for all that come after the last.
            here_BT = np.append(known_G, -2)[found_BT] == keys_BT
            ids_BT = np.where(here_BT, first + found_BT, ids_BT)
            lengths_BT = np.where(here_BT, n, lengths_BT)
            first += len(known_G)
        return ids_BT, lengths_BT


def mine_lexicon(corpus: Corpus, tokenizer: KmerTokenizer, size: int, longest: int) -> Lexicon:
    """Return up to ``size`` n-grams of 2 to ``longest`` tokens; the same for the same corpus.

    Raises TrainingError where n-grams of so many tokens cannot be numbered.
    """
    if 2 * tokenizer.k * longest > 62:
        raise TrainingError(f"n-grams of {longest} {tokenizer.k}-mers are too long to be numbered")
    tokens_M = sample_tokens(corpus, tokenizer)
    share, more = divmod(size, longest - 1)
    grams = []
    for n in range(2, longest + 1):
        keys_G, scores_G = score_grams(tokens_M, n, tokenizer.k)
        best = np.argsort(-scores_G, kind="stable")[: share + (n - 2 < more)]
        grams.append(np.sort(keys_G[best]))
    return Lexicon(tokenizer.k, tuple(grams))


def sample_tokens(corpus: Corpus, tokenizer: KmerTokenizer) -> np.ndarray:
    """Return the tokens of training barcodes, int32 (M,), PAD after each barcode.

    The barcodes are taken evenly, and cut at all k offsets in turn, as training cuts at any; a
    small corpus is cut at each of them.
    """
    k, rows = tokenizer.k, corpus.train
    barcode = max(1, int(corpus.lengths[rows].mean()) // k)
    count = min(len(rows) * k, max(1, _SAMPLE // barcode))
    numbers = np.arange(count)
    rows, offsets = rows[numbers * len(rows) // count], numbers % k
    parts = []
    for start in range(0, count, _CUTS_AT_ONCE):
        some = slice(start, start + _CUTS_AT_ONCE)
        first_B = corpus.starts[rows[some]] + offsets[some]
        counts_B = np.maximum(corpus.lengths[rows[some]] - offsets[some], 0) // k
        tokens_BT = tokenizer.encode_windows(corpus.codes, first_B, counts_B)
        ended_BT = np.pad(tokens_BT, ((0, 0), (0, 1)), constant_values=PAD)
        parts.append(ended_BT[np.arange(ended_BT.shape[1]) <= counts_B[:, None]].astype(np.int32))
    return np.concatenate(parts)


def score_grams(tokens_M: np.ndarray, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys (G,) of the n-grams that are too frequent for chance, and their t.

    t is (p - q) / sqrt(p (1 - p) / N) for an n-gram that is a share p of all N, where q is the
    product of its tokens' shares. One that is met once tells nothing, nor does the only one.
    """
    keys_M = number_grams(tokens_M, n, k)
    keys_G, counts_G = np.unique(keys_M[keys_M >= 0], return_counts=True)
    total = int(counts_G.sum())
    repeated_G = (counts_G > 1) & (counts_G < total)
    keys_G, share_G = keys_G[repeated_G], counts_G[repeated_G] / total
    real_M = tokens_M[tokens_M >= SPECIAL_TOKENS]
    token_share = np.bincount(real_M - SPECIAL_TOKENS, minlength=4**k) / len(real_M)
    chance_G = np.ones(len(keys_G))
    for i in range(n):
        chance_G *= token_share[keys_G >> 2 * k * i & 4**k - 1]
    scores_G = (share_G - chance_G) / np.sqrt(share_G * (1 - share_G) / total)
    return keys_G[scores_G > 0], scores_G[scores_G > 0]


def number_grams(tokens: np.ndarray, n: int, k: int) -> np.ndarray:
    """Return a key, int64 (..., T), for the n-gram that begins at each token.

    It is the number that the n-gram's bases are in base 4, -1 where the n-gram would run past the
    end or hold a special token.
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
