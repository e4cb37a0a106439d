"""Batches of barcodes, cut into tokens. A batch depends only on the seed and the step.

Nothing here keeps state. A run that is resumed, or split over several processes, therefore gets
the same batches as an uninterrupted run in one process. Shapes: B barcodes, T tokens, R labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from barcodeembed.corpus.corpus import LABELS, Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import KmerTokenizer
from barcodeembed.model.window import Window, random_window, whole_window

_ORDER, _CUT, _MASK = range(3)
_SORTED_BATCHES = 32


class Cut(NamedTuple):
    """Barcodes cut into tokens.

    Attributes:
        tokens_BT: Their k-mers, int64. Rows are padded if barcodes have different lengths. If the
            model merges k-mers, there are several columns per token.
        positions_BT: The position of each token, int64.
        first_B: The base at which each barcode's first token begins.
    """

    tokens_BT: np.ndarray
    positions_BT: np.ndarray
    first_B: np.ndarray


@dataclass(frozen=True)
class Batch:
    """Barcodes of a corpus.

    They are cut into tokens when an objective asks for these. Views cut them in their own way.

    Attributes:
        corpus: The corpus that the barcodes belong to.
        rows: Their rows in the corpus, (B,).
        cut: Cuts them into tokens.
    """

    corpus: Corpus
    rows: np.ndarray
    cut: Callable[[], Cut]

    @cached_property
    def _tokens(self) -> Cut:
        return self.cut()

    @property
    def tokens_BT(self) -> np.ndarray:  # noqa: N802
        """The k-mers of the barcodes, int64."""
        return self._tokens.tokens_BT

    @property
    def positions_BT(self) -> np.ndarray:  # noqa: N802
        """The position of each token, int64."""
        return self._tokens.positions_BT

    @property
    def first_B(self) -> np.ndarray:  # noqa: N802
        """The base at which each barcode's first token begins."""
        return self._tokens.first_B

    @property
    def labels_BR(self) -> np.ndarray:
        """The taxa of each barcode, int32 (B, LABELS); -1 is unknown."""
        return self.corpus.labels[self.rows]

    @property
    def lengths_B(self) -> np.ndarray:
        """The length of each whole barcode, in bases."""
        return self.corpus.lengths[self.rows]

    def marker_positions(self) -> np.ndarray | None:
        """Return the marker position of every base, int64 (B, longest), or None if not located."""
        return self.corpus.marker_positions_of(self.rows)

    def bases(self) -> np.ndarray:
        """Return the base codes of the whole barcodes, uint8 (B, longest).

        The codes are those of the tokenizer. Codes after the end of a barcode are ambiguous.
        """
        return self.corpus.bases_of(self.rows)


def cut(corpus: Corpus, rows: np.ndarray, tokenizer: KmerTokenizer, window: Window) -> Cut:
    """Cut rows of a corpus into the tokens of a window."""
    tokens_BT = tokenizer.encode_at(
        corpus.codes, corpus.starts[rows], window.starts_BTM, window.counts_B
    )
    return Cut(tokens_BT, window.positions_BT, window.starts_BTM[:, 0].max(1))


def cut_whole(
    corpus: Corpus, rows: np.ndarray, tokenizer: KmerTokenizer, max_tokens: int, merge: int = 1
) -> Cut:
    """Cut rows of a corpus as they are embedded: from the first base, with padding."""
    window = whole_window(
        corpus.lengths[rows], corpus.marker_positions_of(rows), tokenizer.k, merge, max_tokens
    )
    return cut(corpus, rows, tokenizer, window)


def check_split(size: int, parts: int) -> None:
    """Raise TrainingError if a batch has fewer barcodes than micro-batches."""
    if size < parts:
        raise TrainingError(
            f"a batch of {size} barcodes cannot be split into {parts} micro-batches"
        )


class Batches:
    """Endless shuffled batches of the training rows, with barcodes of similar length together.

    Args:
        corpus: The corpus.
        tokenizer: Cuts barcodes into k-mers.
        size: Barcodes per batch.
        parts: Micro-batches per batch.
        max_tokens: The maximum number of tokens. Of a longer barcode, a random stretch is used.
        seed: The seed of all random choices.
        merge: K-mers per token.
        same_taxon: (label, n) keeps n barcodes of the same taxon together when rows are shuffled,
            so that a batch has pairs to compare.
        offsets_below_k: A barcode without a position in the marker is read from one of its first k
            bases, also if it is longer than what is read.

    Raises:
        TrainingError: The batch is too small for ``parts``, or no barcode has the label.
    """

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: KmerTokenizer,
        *,
        size: int,
        parts: int,
        max_tokens: int,
        seed: int,
        merge: int = 1,
        same_taxon: tuple[str, int] | None = None,
        offsets_below_k: bool = False,
    ) -> None:
        self.corpus, self.tokenizer = corpus, tokenizer
        self.offsets = tokenizer.k if offsets_below_k else None
        self.size, self.parts = min(size, len(corpus.train)), parts
        check_split(self.size, parts)
        self.max_tokens, self.seed, self.merge, self.same_taxon = (
            max_tokens,
            seed,
            merge,
            same_taxon,
        )
        if same_taxon and not (corpus.labels[corpus.train, LABELS.index(same_taxon[0])] >= 0).any():
            raise TrainingError(
                f"no barcode of the corpus has a {same_taxon[0]}, so none can be grouped by it"
            )
        self.per_epoch = len(corpus.train) // self.size
        self._epoch = lru_cache(maxsize=2)(self._shuffle)

    def rows(self, step: int) -> np.ndarray:
        """Return the corpus rows of a batch. Steps count from 0."""
        epoch, batch = divmod(step, self.per_epoch)
        return self._epoch(epoch)[batch]

    def batch(self, step: int, part: int) -> Batch:
        """Return one micro-batch, without padding: a random stretch of each barcode.

        All stretches have as many tokens as fit into the shortest barcode at any reading frame.
        Attention then needs no mask and no computation is spent on padding. Because barcodes of
        similar length are together, only about 2 % of the bases are cut off. Other epochs cut
        elsewhere.
        """
        rows = self._part(self.rows(step), part)
        rng = np.random.default_rng((self.seed, _CUT, step, part))

        def cut_randomly() -> Cut:
            window = random_window(
                self.corpus.lengths[rows],
                self.corpus.marker_positions_of(rows),
                self.tokenizer.k,
                self.merge,
                self.max_tokens,
                rng,
                offsets=self.offsets,
            )
            return cut(self.corpus, rows, self.tokenizer, window)

        return Batch(self.corpus, rows, cut_randomly)

    def whole(self, rows: np.ndarray) -> Batch:
        """Return rows as they are embedded: from the first base, with padding."""
        return Batch(
            self.corpus,
            rows,
            lambda: cut_whole(self.corpus, rows, self.tokenizer, self.max_tokens, self.merge),
        )

    def mask_generator(self, step: int, part: int) -> np.random.Generator:
        """Return the random generator with which an objective masks a micro-batch."""
        return np.random.default_rng((self.seed, _MASK, step, part))

    def _part(self, rows: np.ndarray, part: int) -> np.ndarray:
        """Return one part of a batch, with barcodes of the same taxon together."""
        if self.same_taxon is None:
            return rows[part :: self.parts]
        return np.array_split(rows, self.parts)[part]

    def _shuffle(self, epoch: int) -> np.ndarray:
        """Return the rows of all batches of an epoch, (per_epoch, size)."""
        rng = np.random.default_rng((self.seed, _ORDER, epoch))
        rows, group = self._deal(rng)
        rows = rows[: self.per_epoch * self.size]
        window = self.size * _SORTED_BATCHES
        for start in range(0, len(rows), window):
            part = slice(start, min(start + window, len(rows)))
            keys = self._group_lengths(rows[part], group[part])
            rows[part] = rows[part][np.argsort(-keys, kind="stable")]
        return rng.permutation(rows.reshape(self.per_epoch, self.size))

    def _deal(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the shuffled training rows, and the number of each row's group."""
        rows = rng.permutation(self.corpus.train)
        if self.same_taxon is None:
            return rows, np.arange(len(rows))
        label, count = self.same_taxon
        taxa = self.corpus.labels[rows, LABELS.index(label)].astype(np.int64)
        unlabelled = taxa < 0
        taxa[unlabelled] = taxa.max() + 1 + np.arange(unlabelled.sum())
        order = np.argsort(taxa, kind="stable")
        rows, taxa = rows[order], taxa[order]
        first = np.r_[True, taxa[1:] != taxa[:-1]]
        numbers = np.arange(len(rows))
        within = numbers - np.maximum.accumulate(np.where(first, numbers, 0))
        group = np.cumsum(first | (within % count == 0)) - 1
        number = rng.permutation(group[-1] + 1)[group]
        order = np.argsort(number, kind="stable")
        return rows[order], number[order]

    def _group_lengths(self, rows: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Return for each row the average length of its group, different for every group."""
        lengths = self.corpus.lengths[rows].astype(float)
        if self.corpus.marker_positions is not None:
            # Only the bases within the marker count.
            end = self.max_tokens * self.merge * self.tokenizer.k
            first = self.corpus.marker_positions.first_B[rows]
            lengths = np.minimum(first + lengths, end) - np.maximum(first, 0)
        _, number, counts = np.unique(group, return_inverse=True, return_counts=True)
        means = np.bincount(number, lengths) / counts
        # The small term keeps the rows of a group together when groups have equal lengths.
        return means[number] + 1e-7 * number
