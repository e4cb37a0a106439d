"""Which barcodes stand in which batch, and how they are cut: a function of seed and step alone.

Nothing here has a state, so a resumed run, or one split over more processes, sees the same
batches as an unbroken one in a single process. Shapes: B barcodes, T tokens, R labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from barcodeembed.corpus.corpus import LABELS, Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import KmerTokenizer
from barcodeembed.model.window import Window, random_window, whole_window

_ORDER, _CUT, _MASK = range(3)
_SORTED_BATCHES = 32


@dataclass(frozen=True, slots=True)
class Batch:
    """Some barcodes of a corpus, cut into tokens.

    ``rows`` (B,) are theirs in the corpus; ``tokens_BT`` their k-mers, int64, padded where they
    are no rectangle, and ``positions_BT`` the positions of the tokens that these make up;
    ``first_B`` the base at which each barcode's first token begins.
    """

    corpus: Corpus
    rows: np.ndarray
    tokens_BT: np.ndarray
    positions_BT: np.ndarray
    first_B: np.ndarray

    @property
    def labels_BR(self) -> np.ndarray:
        """The taxa of each barcode, int32 (B, LABELS), -1 where unknown."""
        return self.corpus.labels[self.rows]

    @property
    def lengths_B(self) -> np.ndarray:
        """The length of each whole barcode, in bases."""
        return self.corpus.lengths[self.rows]

    def marker_positions(self) -> np.ndarray | None:
        """Return the place of every base in the marker, int64 (B, longest), if they are known."""
        return self.corpus.marker_positions_of(self.rows)

    def bases(self) -> np.ndarray:
        """Return the base codes of the whole barcodes, uint8 (B, longest), ambiguous past the end.

        The codes are the tokenizer's.
        """
        return self.corpus.bases_of(self.rows)


def check_split(size: int, parts: int) -> None:
    """Raise TrainingError where a batch has fewer barcodes than the micro-batches asked for."""
    if size < parts:
        raise TrainingError(
            f"a batch of {size} barcodes cannot be split into {parts} micro-batches"
        )


class Batches:
    """Endless shuffled batches of a corpus' training rows, barcodes of like length together.

    A batch of ``size`` barcodes is dealt out as ``parts`` micro-batches. ``max_tokens``, of
    ``merge`` k-mers each, bounds a barcode; of a longer one a random stretch is taken. ``same_taxon`` is
    (label, n): barcodes are then shuffled by n of one taxon, so that a batch holds pairs to
    compare.
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
    ) -> None:
        self.corpus, self.tokenizer = corpus, tokenizer
        self.size, self.parts = min(size, len(corpus.train)), parts
        check_split(self.size, parts)
        self.max_tokens, self.seed, self.merge, self.same_taxon = (
            max_tokens,
            seed,
            merge,
            same_taxon,
        )
        if same_taxon and not (corpus.labels[corpus.train, LABELS.index(same_taxon[0])] >= 0).any():
            raise TrainingError(f"no barcode of the corpus has a {same_taxon[0]}: none are kin")
        self.per_epoch = len(corpus.train) // self.size
        self._epoch = lru_cache(maxsize=2)(self._shuffle)

    def rows(self, step: int) -> np.ndarray:
        """Return the corpus rows of a batch; steps count from 0."""
        epoch, batch = divmod(step, self.per_epoch)
        return self._epoch(epoch)[batch]

    def batch(self, step: int, part: int) -> Batch:
        """Return one micro-batch, a rectangle of tokens: each barcode a random stretch.

        All are cut to what the shortest fills at any reading frame, so no arithmetic goes into
        padding and attention needs no mask. What is cut off (about 2 % of the bases, barcodes of
        like length being together) is met in another epoch.
        """
        rows = self._part(self.rows(step), part)
        rng = np.random.default_rng((self.seed, _CUT, step, part))
        return self._cut(rows, random_window(*self._extent(rows), rng))

    def whole(self, rows: np.ndarray) -> Batch:
        """Return rows as they are embedded: from the first base, padded."""
        return self._cut(rows, whole_window(*self._extent(rows)))

    def mask_generator(self, step: int, part: int) -> np.random.Generator:
        """Return the generator that an objective draws a micro-batch's masks from."""
        return np.random.default_rng((self.seed, _MASK, step, part))

    def _extent(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, int, int, int]:
        lengths_B, positions_BL = self.corpus.lengths[rows], self.corpus.marker_positions_of(rows)
        return lengths_B, positions_BL, self.tokenizer.k, self.merge, self.max_tokens

    def _cut(self, rows: np.ndarray, window: Window) -> Batch:
        tokens_BT = self.tokenizer.encode_at(
            self.corpus.codes, self.corpus.starts[rows], window.starts_BTM, window.counts_B
        )
        first_B = window.starts_BTM[:, 0].max(1)
        return Batch(self.corpus, rows, tokens_BT, window.positions_BT, first_B)

    def _part(self, rows: np.ndarray, part: int) -> np.ndarray:
        """Deal a batch out, kin staying together."""
        if self.same_taxon is None:
            return rows[part :: self.parts]
        return np.array_split(rows, self.parts)[part]

    def _shuffle(self, epoch: int) -> np.ndarray:
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
        """Return the shuffled training rows, and the number of the group that each is in."""
        rows = rng.permutation(self.corpus.train)
        if self.same_taxon is None:
            return rows, np.arange(len(rows))
        label, count = self.same_taxon
        taxa = self.corpus.labels[rows, LABELS.index(label)].astype(np.int64)
        strangers = taxa < 0
        taxa[strangers] = taxa.max() + 1 + np.arange(strangers.sum())
        order = np.argsort(taxa, kind="stable")
        rows, taxa = rows[order], taxa[order]
        first = np.r_[True, taxa[1:] != taxa[:-1]]
        places = np.arange(len(rows))
        place = places - np.maximum.accumulate(np.where(first, places, 0))
        group = np.cumsum(first | (place % count == 0)) - 1
        number = rng.permutation(group[-1] + 1)[group]
        order = np.argsort(number, kind="stable")
        return rows[order], number[order]

    def _group_lengths(self, rows: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Return, for each row, the mean length of its group, told apart from other groups'."""
        lengths = self.corpus.lengths[rows].astype(float)
        if self.corpus.marker_positions is not None:
            # What lies within the marker counts.
            end = self.max_tokens * self.merge * self.tokenizer.k
            first = self.corpus.marker_positions.first_B[rows]
            lengths = np.minimum(first + lengths, end) - np.maximum(first, 0)
        _, number, counts = np.unique(group, return_inverse=True, return_counts=True)
        means = np.bincount(number, lengths) / counts
        return means[number] + 1e-7 * number
