"""A sample of the reference's own barcodes, to calibrate the reference with.

A query must not find itself. Its own barcode is hidden; a prototype, which is a mean of several
barcodes, is replaced by the mean without the query.

Shapes: S sampled barcodes, D dimensions, R ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.scoring.candidates import Finder
from barcodeembed.scoring.vote import Members

#: Maximum number of barcodes in a sample.
SAMPLE = 2_000

#: From a small reference this fraction is sampled, but no fewer than the minimum.
_FRACTION = 0.25
_MIN_COUNT = 100

#: The similarity of hidden references, lower than any cosine.
HIDDEN = -2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Barcodes with one lineage each, and the reference vectors without each of them.

    Attributes:
        vectors: Unit vectors of the barcodes, float32 (S, D).
        lineages: The lineage of each barcode, int (S,).
        own: The number of the reference vector that a barcode is part of, int (S,).
        rest: That vector without the barcode, float32 (S, D); NaN if nothing is left.
        rest_hashes: The sampled k-mers of the other barcodes of that vector, one array each.
        mixed: Whether other records of its BIN have another name at the rank, bool (S, R).
    """

    vectors: np.ndarray
    lineages: np.ndarray
    own: np.ndarray
    rest: np.ndarray
    rest_hashes: Sequence[np.ndarray]
    mixed: np.ndarray

    def __len__(self) -> int:
        return len(self.own)

    @property
    def left(self) -> np.ndarray:
        """The similarity of each barcode and its ``rest``, float64 (S,); HIDDEN if none is left."""
        left = np.einsum("sd,sd->s", self.vectors, self.rest, dtype=np.float64)
        return np.nan_to_num(left, nan=HIDDEN)

    def kmer_scores(self, i: int, query: str, finder: Finder) -> np.ndarray | None:
        """Return the k-mer scores of a query made from barcode i, as if it were not a reference."""
        scores = finder.kmer_scores(query)
        if scores is not None and finder.kmers is not None:
            scores[self.own[i]] = finder.kmers.score_of(query, self.rest_hashes[i])
        return scores

    def take(self, chosen: np.ndarray) -> Sample:
        """Return the barcodes with the numbers ``chosen``."""
        return Sample(
            self.vectors[chosen],
            self.lineages[chosen],
            self.own[chosen],
            self.rest[chosen],
            [self.rest_hashes[i] for i in chosen],
            self.mixed[chosen],
        )

    @classmethod
    def of_barcodes(
        cls, vectors: np.ndarray, members: Members, rows: np.ndarray, mixed: np.ndarray
    ) -> Sample:
        """Return the ``rows`` of a reference with one vector per barcode as a sample."""
        lineages = members.lineages[members.starts[rows]]
        none = [np.zeros(0, np.int64)] * len(rows)
        return cls(vectors[rows], lineages, rows, np.full_like(vectors[rows], np.nan), none, mixed)


def draw_sample(members: Members, *, size: int = SAMPLE, seed: int = 0) -> np.ndarray:
    """Draw barcodes that have a single lineage; return their rows, sorted, int64 (S,).

    One barcode of each lineage is drawn before a second one of any lineage, so that rare species
    count as much as common ones. ``size`` is the maximum; fewer are drawn from a small reference.
    """
    single = np.flatnonzero(np.diff(members.starts) == 1)
    size = min(size, max(_MIN_COUNT, int(_FRACTION * len(single))))
    drawn = np.random.default_rng(seed).permutation(single)
    lineages = members.lineages[members.starts[drawn]]
    by_lineage = np.argsort(lineages, kind="stable")
    first = np.searchsorted(lineages[by_lineage], lineages[by_lineage])
    round_of = np.empty(len(drawn), np.int64)
    round_of[by_lineage] = np.arange(len(drawn)) - first
    return np.sort(drawn[np.argsort(round_of, kind="stable")[:size]]).astype(np.int64)
