"""Which barcodes stand in which batch, and how they are cut: a function of seed and step alone.

Nothing here has a state, so a resumed run, or one split over more processes, sees the same
batches as an unbroken one in a single process.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from barcodeembed.errors import TrainingError
from barcodeembed.tokenizer import KmerTokenizer
from barcodeembed.training.corpus import Corpus

_ORDER, _CUT, _MASK = range(3)
_SORTED_BATCHES = 32


def check_split(size: int, parts: int) -> None:
    """Raise TrainingError where a batch has fewer barcodes than the micro-batches asked for."""
    if size < parts:
        raise TrainingError(
            f"a batch of {size} barcodes cannot be split into {parts} micro-batches"
        )


class Batches:
    """Endless shuffled batches of a corpus' training rows, barcodes of like length together.

    A batch of ``size`` barcodes is dealt out as ``parts`` micro-batches. ``max_tokens`` bounds a
    barcode; of a longer one a random stretch is taken.
    """

    def __init__(
        self, corpus: Corpus, tokenizer: KmerTokenizer, *,
        size: int, parts: int, max_tokens: int, seed: int,
    ) -> None:  # fmt: skip
        self.corpus, self.tokenizer = corpus, tokenizer
        self.size, self.parts = min(size, len(corpus.train)), parts
        check_split(self.size, parts)
        self.max_tokens, self.seed = max_tokens, seed
        self.per_epoch = len(corpus.train) // self.size
        self._epoch = lru_cache(maxsize=2)(self._shuffle)

    def rows(self, step: int) -> np.ndarray:
        """Return the corpus rows of a batch, longest first; steps count from 0."""
        epoch, batch = divmod(step, self.per_epoch)
        return self._epoch(epoch)[batch]

    def tokens(self, step: int, part: int) -> np.ndarray:
        """Return the padded tokens, int64 (B, T), of one micro-batch at random offsets."""
        rows = self.rows(step)[part :: self.parts]
        return self.cut(rows, np.random.default_rng((self.seed, _CUT, step, part)))

    def mask_generator(self, step: int, part: int) -> np.random.Generator:
        """Return the generator that an objective draws a micro-batch's masks from."""
        return np.random.default_rng((self.seed, _MASK, step, part))

    def cut(self, rows: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Tokenize rows: from a random offset with a generator, from the first base without."""
        lengths = self.corpus.lengths[rows]
        k = self.tokenizer.k
        spare = lengths - np.minimum(lengths // k, self.max_tokens) * k
        if rng is None:
            first = np.zeros_like(lengths)
        else:
            # Within k the offset shifts the reading frame (BarcodeBERT's augmentation); past it,
            # it chooses the stretch of a barcode that is too long.
            first = rng.integers(0, np.maximum(spare, k - 1), endpoint=True)
        counts = np.minimum((lengths - first) // k, self.max_tokens)
        return self.tokenizer.encode_windows(
            self.corpus.codes, self.corpus.starts[rows] + first, counts
        )

    def _shuffle(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng((self.seed, _ORDER, epoch))
        rows = rng.permutation(self.corpus.train)[: self.per_epoch * self.size]
        window = self.size * _SORTED_BATCHES
        for start in range(0, len(rows), window):
            part = rows[start : start + window]
            part[:] = part[np.argsort(-self.corpus.lengths[part], kind="stable")]
        return rng.permutation(rows.reshape(self.per_epoch, self.size))
