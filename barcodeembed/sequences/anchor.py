"""Where in its marker a barcode lies, learnt from barcodes alone.

Barcodes of a coding marker hardly differ in length between their ends, but begin and end where
primers and trimming left them. Each 5-mer is commonest at certain places of the marker; the 5-mers
of a barcode vote for the place of its first base, and the place with the most votes is its own. So
barcodes get one system of coordinates, at the cost of a table look-up and without an alignment,
and a fragment the same places as the whole. Learnt by turns: places from votes, votes from places.
Where a marker has many insertions and deletions, the votes scatter: `agreement` tells.
Shapes: B barcodes, L bases, K 5-mers of a barcode, V votes of a 5-mer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.tokenizer import AMBIGUOUS, overlapping_kmers

_K = 5
_KMERS = 4**_K

#: Votes of a 5-mer: the places where it tells most.
VOTES = 8

#: Shape of the tables; the last 5-mer is the ambiguous one, which has no vote.
TABLE = (_KMERS + 1, VOTES)

_SAMPLE = 20_000
_ROUNDS = 3
_LONGEST = 2_000
_PRIOR = 30.0
_AT_ONCE = 128

#: A place belongs to the marker where a tenth as many barcodes reach as anywhere.
_COVERED = 0.1


@dataclass(frozen=True, slots=True)
class Anchor:
    """The votes of every 5-mer: ``places`` int16 and ``weights`` float32, both TABLE.

    Places count from the marker's first base, and the marker has ``length`` bases.
    """

    places: np.ndarray
    weights: np.ndarray
    length: int

    def locate(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Return the place of each barcode's first base, int64 (B,).

        ``codes_BL`` are base codes, ambiguous past the end. The place is negative where a barcode
        begins before the marker; at least half of the shorter of the two lies within the other.
        Without a vote it is 0.
        """
        found = [
            self._locate(codes_BL[i : i + _AT_ONCE], lengths_B[i : i + _AT_ONCE])
            for i in range(0, len(codes_BL), _AT_ONCE)
        ]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def _locate(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        kmers_BK = overlapping_kmers(codes_BL, _K)
        B, K = kmers_BK.shape
        # Bin s of a barcode holds the votes for a first base at place s - K.
        bins = K + self.length + 1
        first_BKV = self.places[kmers_BK] - np.arange(K)[:, None] + K
        bins_BKV = np.arange(B)[:, None, None] * bins + first_BKV
        votes = np.bincount(
            bins_BKV.reshape(-1), self.weights[kmers_BK].reshape(-1), minlength=B * bins
        ).reshape(B, bins)
        place = np.arange(bins) - K
        within = np.minimum(lengths_B, self.length) // 2
        lowest_B1, highest_B1 = (within - lengths_B)[:, None], (self.length - within)[:, None]
        votes = np.where((place >= lowest_B1) & (place <= highest_B1), votes, -1.0)
        return np.where(votes.max(1) > 0, place[votes.argmax(1)], 0)

    def agreement(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> float:
        """Return the share of barcodes whose two halves are located where the whole puts them.

        Near 1 where the marker has places at all; chance where it has not.
        """
        half_B = lengths_B // 2
        second_BL = np.where(np.arange(codes_BL.shape[1]) < half_B[:, None], AMBIGUOUS, codes_BL)
        first_BL = np.where(np.arange(codes_BL.shape[1]) < half_B[:, None], codes_BL, AMBIGUOUS)
        return float(
            (self.locate(first_BL, lengths_B) == self.locate(second_BL, lengths_B)).mean()
        )


def learn_anchor(codes: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Anchor:
    """Learn from barcodes, as a corpus holds them: base codes (total,), starts and lengths (B,).

    Up to 20,000 of them, evenly taken; the same for the same corpus. Those of the commonest length
    are first taken to begin together.
    """
    rows = np.unique(np.linspace(0, len(lengths) - 1, _SAMPLE).astype(int))
    sample = _Sample(codes, starts[rows], np.minimum(lengths[rows], _LONGEST))
    commonest = np.bincount(sample.lengths_B).argmax()
    places_B = np.zeros(len(rows), np.int64)
    counts = sample.count(places_B, sample.lengths_B == commonest)
    for _ in range(_ROUNDS):
        places_B = sample.locate(_most_telling(counts, 0, 3 * _LONGEST)) - _LONGEST
        counts = sample.count(places_B, np.ones(len(rows), bool))
    covered = np.flatnonzero(counts.sum(0) >= _COVERED * counts.sum(0).max())
    # A 5-mer that begins at the last place ends four bases later.
    return _most_telling(counts, covered[0], covered[-1] - covered[0] + _K)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Barcodes to learn from; until the marker is known, places run from -_LONGEST on."""

    codes: np.ndarray
    starts_B: np.ndarray
    lengths_B: np.ndarray

    def locate(self, anchor: Anchor) -> np.ndarray:
        return np.concatenate([anchor.locate(*self._bases(part)) for part in self._parts()])

    def count(self, places_B: np.ndarray, chosen_B: np.ndarray) -> np.ndarray:
        """Count the 5-mers of the chosen barcodes by place; float64 (5-mers, 3 * _LONGEST)."""
        width = 3 * _LONGEST
        counts = np.zeros(_KMERS * width)
        for part in self._parts():
            kmers_BK = overlapping_kmers(self._bases(part)[0], _K)
            places_BK = places_B[part, None] + np.arange(kmers_BK.shape[1]) + _LONGEST
            counted_BK = chosen_B[part, None] & (kmers_BK < _KMERS)
            counts += np.bincount(
                (kmers_BK * width + places_BK)[counted_BK], minlength=len(counts)
            )
        return counts.reshape(_KMERS, width)

    def _parts(self) -> list[slice]:
        return [slice(i, i + 1_000) for i in range(0, len(self.starts_B), 1_000)]

    def _bases(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        lengths_B = self.lengths_B[part]
        return gather_bases(self.codes, self.starts_B[part], lengths_B), lengths_B


def gather_bases(codes: np.ndarray, starts_B: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
    """Return barcodes of one array of base codes, uint8 (B, longest), ambiguous past the end."""
    places = np.arange(int(lengths_B.max(initial=0)))
    inside_BL = places < lengths_B[:, None]
    found_BL = np.where(inside_BL, starts_B[:, None] + places, 0)
    return np.where(inside_BL, codes[found_BL], AMBIGUOUS).astype(np.uint8)


def _most_telling(counts: np.ndarray, first: int, length: int) -> Anchor:
    """Keep, for every 5-mer, the places where it is likeliest against its share of all."""
    shares = (counts.sum(1, keepdims=True) + 0.5) / (counts.sum() + 0.5 * _KMERS)
    expected = _PRIOR * shares
    columns = counts[:, first : first + length]
    odds = np.log((columns + expected) / ((columns.sum(0) + _PRIOR) * shares))
    best = np.argsort(-odds, axis=1, kind="stable")[:, :VOTES]
    weights = np.maximum(np.take_along_axis(odds, best, 1), 0)
    return Anchor(
        np.vstack((best, np.zeros((1, VOTES)))).astype(np.int16),
        np.vstack((weights, np.zeros((1, VOTES)))).astype(np.float32),
        int(length),
    )
