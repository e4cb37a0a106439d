"""Where in its marker a barcode lies, learnt from barcodes alone.

Barcodes of a coding marker hardly differ in length between their ends, but begin and end where
primers and trimming left them. Each 5-mer is commonest at certain places of the marker; the 5-mers
of a barcode vote for the place of its first base, and the place with the most votes is its own. So
barcodes get one system of coordinates, at the cost of a table look-up, and a fragment the same
places as the whole. Where bases were inserted or left out, later 5-mers vote for another place;
Viterbi's algorithm follows them. Learnt by turns: places from votes, votes from places. Where a
marker has no fixed places at all, the votes scatter: `agreement` tells. Shapes: B barcodes,
L bases, K 5-mers of a barcode, V votes of a 5-mer, S shifts, N changes of shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from barcodeembed.sequences.bases import AMBIGUOUS, overlapping_kmers

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

#: Insertions and deletions are followed up to this many bases; most of COI's are of one codon.
_REACH = 12

#: What a change of shift costs, in votes (log-odds); three or four 5-mers outvote it.
_CHANGE = 12.0

#: Votes by which another shift must lead in a block of 5-mers for a closer look at a barcode.
_DOUBT = 4.0
_BLOCK = 32

_COLUMNS = ("first_B", "counts_B", "bases_N", "shifts_N")

#: A place belongs to the marker where a tenth as many barcodes reach as anywhere.
_COVERED = 0.1


@dataclass(frozen=True, slots=True)
class Anchor:
    """The votes of every 5-mer: ``positions`` int16 and ``weights`` float32, both TABLE.

    MarkerPositions count from the marker's first base, and the marker has ``length`` bases.
    """

    positions: np.ndarray
    weights: np.ndarray
    length: int

    def locate(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Return the place of each barcode's first base, int64 (B,).

        ``codes_BL`` are base codes, ambiguous past the end. The place is negative where a barcode
        begins before the marker; at least half of the shorter of the two lies within the other.
        Without a vote it is 0.
        """
        found = [
            self._first(*self._votes(codes_BL[i : i + _AT_ONCE]), lengths_B[i : i + _AT_ONCE])
            for i in range(0, len(codes_BL), _AT_ONCE)
        ]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def support(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Return the votes for each barcode's place over the square root of its 5-mers, (B,).

        Votes for a place of the marker grow with the length of a barcode, those of chance with
        its square root.
        """
        first_BKV, weights_BKV = self._votes(codes_BL)
        votes = self._tally(first_BKV, weights_BKV, lengths_B)[0]
        return np.maximum(votes.max(1), 0) / np.sqrt(np.maximum(lengths_B - _K + 1, 1))

    def _votes(self, codes_BL: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where each 5-mer's votes put the first base, and their weights, (B, K, V)."""
        kmers_BK = overlapping_kmers(codes_BL, _K)
        first_BKV = self.positions[kmers_BK] - np.arange(kmers_BK.shape[1])[:, None]
        return first_BKV, self.weights[kmers_BK]

    def _first(
        self, first_BKV: np.ndarray, weights_BKV: np.ndarray, lengths_B: np.ndarray
    ) -> np.ndarray:
        """Return the place with the most votes of each barcode, (B,)."""
        votes, place = self._tally(first_BKV, weights_BKV, lengths_B)
        return np.where(votes.max(1) > 0, place[votes.argmax(1)], 0)

    def _tally(
        self, first_BKV: np.ndarray, weights_BKV: np.ndarray, lengths_B: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the votes of each barcode for each place, (B, P), and the places, (P,).

        Those for places that leave too little of it within the marker are -1.
        """
        B, K, _ = first_BKV.shape
        # Bin s of a barcode holds the votes for a first base at place s - K.
        bins = K + self.length + 1
        bins_BKV = np.arange(B)[:, None, None] * bins + first_BKV + K
        votes = np.bincount(
            bins_BKV.reshape(-1), weights_BKV.reshape(-1), minlength=B * bins
        ).reshape(B, bins)
        place = np.arange(bins) - K
        within = np.minimum(lengths_B, self.length) // 2
        lowest_B1, highest_B1 = (within - lengths_B)[:, None], (self.length - within)[:, None]
        return np.where((place >= lowest_B1) & (place <= highest_B1), votes, -1.0), place

    def align(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> MarkerPositions:
        """Return the place of every base, insertions and deletions followed.

        The path with the most votes, each change of shift costing `_CHANGE`. Only barcodes of
        which some stretch votes for another shift than the whole are looked at so closely.
        """
        found = [
            self._align(codes_BL[i : i + _AT_ONCE], lengths_B[i : i + _AT_ONCE])
            for i in range(0, len(codes_BL), _AT_ONCE)
        ]
        return MarkerPositions.join(found)

    def _align(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> MarkerPositions:
        first_BKV, weights_BKV = self._votes(codes_BL)
        place_B = self._first(first_BKV, weights_BKV, lengths_B)
        shift_BKV = first_BKV - place_B[:, None, None]
        near_BKV = np.abs(shift_BKV) <= _REACH
        votes_BKV = np.where(near_BKV, weights_BKV, 0)
        column_BKV = np.where(near_BKV, shift_BKV + _REACH, 0)
        blocks = _sum_votes(votes_BKV, column_BKV, _BLOCK)
        doubtful = (blocks.max(2) - blocks[:, :, _REACH]).max(1, initial=0) > _DOUBT
        rows = np.flatnonzero(doubtful)
        path_NK = _best_path(_sum_votes(votes_BKV[rows], column_BKV[rows], 1))
        # A 5-mer's shift is its first base's; after a change, so is that of its later bases.
        inside_NK = np.arange(1, path_NK.shape[1]) <= (lengths_B[rows] - _K)[:, None]
        at, base = np.nonzero((np.diff(path_NK, axis=1) != 0) & inside_NK)
        if path_NK.size:
            place_B[rows] += path_NK[:, 0]
        counts_B = np.zeros(len(place_B), np.int64)
        np.add.at(counts_B, rows[at], 1)
        return MarkerPositions(
            place_B, counts_B, base + 1, path_NK[at, base + 1] - path_NK[at, base]
        )

    def agreement(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> float:
        """Return the share of barcodes whose two halves are located where the whole puts them.

        Near 1 where the marker has places at all; chance where it has not.
        """
        half_B = lengths_B // 2
        second_BL = np.where(np.arange(codes_BL.shape[1]) < half_B[:, None], AMBIGUOUS, codes_BL)
        first_BL = np.where(np.arange(codes_BL.shape[1]) < half_B[:, None], codes_BL, AMBIGUOUS)
        return float((self.locate(first_BL, lengths_B) == self.locate(second_BL, lengths_B)).mean())


@dataclass(frozen=True, slots=True)
class MarkerPositions:
    """Where in the marker the bases of barcodes lie.

    ``first_B`` is the place of each barcode's first base, ``counts_B`` the number of its changes of
    shift; all changes in order are ``bases_N``, where one happens, and ``shifts_N``, by how much
    later bases lie further on. All int64.
    """

    first_B: np.ndarray
    counts_B: np.ndarray
    bases_N: np.ndarray
    shifts_N: np.ndarray
    #: Where each barcode's changes begin: summed once, as batches are taken of whole corpora.
    _begin_B: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_begin_B", self.counts_B.cumsum() - self.counts_B)

    def columns(self) -> dict[str, np.ndarray]:
        """Return what places are made of again."""
        return {name: getattr(self, name) for name in _COLUMNS}

    @classmethod
    def join(cls, parts: Sequence[MarkerPositions]) -> MarkerPositions:
        """Put the places of several batches together."""
        empty = np.zeros(0, np.int64)
        return cls(
            *(
                np.concatenate([empty, *(getattr(part, name) for part in parts)])
                for name in _COLUMNS
            )
        )

    def __len__(self) -> int:
        return len(self.first_B)

    def take(self, rows: np.ndarray) -> MarkerPositions:
        """Return the places of some of the barcodes."""
        counts_B = self.counts_B[rows]
        within = np.arange(counts_B.sum()) - np.repeat(counts_B.cumsum() - counts_B, counts_B)
        found = np.repeat(self._begin_B[rows], counts_B) + within
        return MarkerPositions(
            self.first_B[rows], counts_B, self.bases_N[found], self.shifts_N[found]
        )

    def expand(self, width: int) -> np.ndarray:
        """Return the place of every base, int64 (B, width)."""
        steps_BL = np.ones((len(self), width), np.int64)
        steps_BL[:, :1] = self.first_B[:, None]
        rows = np.repeat(np.arange(len(self)), self.counts_B)
        inside = self.bases_N < width
        np.add.at(steps_BL, (rows[inside], self.bases_N[inside]), self.shifts_N[inside])
        return steps_BL.cumsum(1)


def _sum_votes(votes_BKV: np.ndarray, column_BKV: np.ndarray, block: int) -> np.ndarray:
    """Sum votes by shift over blocks of 5-mers, float32 (B, blocks, S)."""
    B, K, _ = votes_BKV.shape
    blocks, width = -(-K // block), 2 * _REACH + 1
    row_BK1 = (np.arange(B)[:, None] * blocks + np.arange(K) // block)[:, :, None]
    sums = np.bincount(
        (row_BK1 * width + column_BKV).reshape(-1),
        votes_BKV.reshape(-1),
        minlength=B * blocks * width,
    )
    return sums.reshape(B, blocks, width).astype(np.float32)


def _best_path(votes_NKS: np.ndarray) -> np.ndarray:
    """Return the shifts, int64 (N, K), of the path with the most votes less the cost of changes."""
    N, K, S = votes_NKS.shape
    score_NS = np.where(np.arange(S) == _REACH, 0.0, -_CHANGE) + np.zeros((N, 1))
    stays = np.empty((K, N, S), bool)
    best = np.empty((K, N), np.int64)
    every = np.arange(N)
    for k in range(K):
        best[k] = score_NS.argmax(1) if N else 0
        changed_N1 = score_NS[every, best[k]][:, None] - _CHANGE
        stays[k] = score_NS >= changed_N1
        score_NS = np.where(stays[k], score_NS, changed_N1) + votes_NKS[:, k]
    path_NK = np.empty((N, K), np.int64)
    now_N = score_NS.argmax(1) if N else every
    for k in range(K - 1, -1, -1):
        path_NK[:, k] = now_N
        now_N = np.where(stays[k, every, now_N], now_N, best[k])
    return path_NK - _REACH


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
            counts += np.bincount((kmers_BK * width + places_BK)[counted_BK], minlength=len(counts))
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
