"""Locate the bases of a barcode in its marker, with a model fitted to barcodes alone.

Barcodes of a coding marker rarely differ by insertions or deletions, but they begin and end where
primers and trimming left them. Each 5-mer is frequent at a few positions of the marker. Every
5-mer of a barcode votes for the position of the barcode's first base; the position with the most
votes wins. This gives all barcodes one coordinate system for the price of a table look-up, and a
fragment gets the same positions as the whole barcode. After an insertion or deletion, the later
5-mers vote for another position; the Viterbi algorithm follows these shifts.

Fitting alternates: positions from votes, then votes from positions. If a marker has no fixed
positions, the votes scatter; `Anchor.agreement` measures this.

Shapes: B barcodes, L bases, K 5-mers of a barcode, V votes of a 5-mer, P positions, S shifts,
N changes of shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from barcodeembed.sequences.bases import AMBIGUOUS, encode_bases, overlapping_kmers

K = 5
_KMERS = 4**K

#: Number of votes of a 5-mer: its most informative positions.
VOTES = 8

#: Shape of the tables. The last row is for ambiguous 5-mers, which have no vote.
TABLE = (_KMERS + 1, VOTES)

_SAMPLE_SIZE = 20_000
_ROUNDS = 3
_MAX_LENGTH = 2_000
_PRIOR = 30.0
_BATCH_SIZE = 128

#: Longest insertion or deletion that is followed, in bases. Most of those in COI are one codon.
MAX_SHIFT = 12

#: Cost of a change of shift, in votes (log-odds). Three or four 5-mers outvote it.
CHANGE_COST = 12.0

#: A barcode is aligned if another shift leads by this many votes in a block of 5-mers.
_MIN_LEAD = 4.0
_BLOCK = 32

_COLUMNS = ("first_B", "counts_B", "bases_N", "shifts_N")

#: From this support on (`Anchor.support`) a sequence has a position in the marker, whatever its
#: length. ``benchmarks/non_target.py`` measures the support of other sequences.
MIN_SUPPORT = 10.0

#: The same where many sequences are counted, and a few wrong ones do not matter.
MIN_SUPPORT_IN_BULK = 8.0

#: A position belongs to the marker if its coverage is at least this fraction of the maximum.
_MIN_COVERAGE = 0.1


@dataclass(frozen=True, slots=True)
class Anchor:
    """The votes of every 5-mer: ``positions`` int16 and ``weights`` float32, both of shape TABLE.

    Positions count from the marker's first base; the marker has ``length`` bases.
    """

    positions: np.ndarray
    weights: np.ndarray
    length: int

    def locate(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Return the position of each barcode's first base, int64 (B,).

        ``codes_BL`` are base codes, ambiguous past the end. The position is negative if a barcode
        begins before the marker. At least half of the shorter of the two, barcode and marker,
        overlaps the other. A barcode without votes gets 0.
        """
        batches = [
            self.best(codes_BL[i : i + _BATCH_SIZE], lengths_B[i : i + _BATCH_SIZE])[0]
            for i in range(0, len(codes_BL), _BATCH_SIZE)
        ]
        return np.concatenate(batches) if batches else np.zeros(0, np.int64)

    def support(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Return each barcode's votes for its position, over the square root of its 5-mers, (B,).

        Votes for a true position grow with the length of the barcode; random votes grow with its
        square root. Votes for the two neighbouring positions count too, because after an inserted
        or deleted base the later 5-mers vote for a neighbour. Ambiguous 5-mers are not counted.
        """
        called_B = (overlapping_kmers(codes_BL, K) < _KMERS).sum(1)
        votes_BP, _ = self._tally(*self._votes(codes_BL), lengths_B)
        votes_BP = np.pad(np.maximum(votes_BP, 0), ((0, 0), (1, 1)))
        near_BP = votes_BP[:, :-2] + votes_BP[:, 1:-1] + votes_BP[:, 2:]
        return near_BP.max(1) / np.sqrt(np.maximum(called_B, 1))

    def best(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the result of `locate`, and each barcode's votes for it, float64 (B,)."""
        votes_BP, positions_P = self._tally(*self._votes(codes_BL), lengths_B)
        votes_B = votes_BP.max(1)
        return np.where(votes_B > 0, positions_P[votes_BP.argmax(1)], 0), np.maximum(votes_B, 0)

    def _votes(self, codes_BL: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the first-base position that each vote implies, and its weight, both (B, K, V)."""
        kmers_BK = overlapping_kmers(codes_BL, K)
        first_BKV = self.positions[kmers_BK] - np.arange(kmers_BK.shape[1])[:, None]
        return first_BKV, self.weights[kmers_BK]

    def _first(
        self, first_BKV: np.ndarray, weights_BKV: np.ndarray, lengths_B: np.ndarray
    ) -> np.ndarray:
        """Return the position with the most votes for each barcode, (B,)."""
        votes_BP, positions_P = self._tally(first_BKV, weights_BKV, lengths_B)
        return np.where(votes_BP.max(1) > 0, positions_P[votes_BP.argmax(1)], 0)

    def _tally(
        self, first_BKV: np.ndarray, weights_BKV: np.ndarray, lengths_B: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each barcode's votes for each position, (B, P), and the positions, (P,).

        The votes are -1 for positions at which too little of the barcode overlaps the marker.
        """
        B, K, _ = first_BKV.shape
        # Bin s of a barcode holds the votes for a first base at position s - K.
        bins = K + self.length + 1
        bins_BKV = np.arange(B)[:, None, None] * bins + first_BKV + K
        votes_BP = np.bincount(
            bins_BKV.reshape(-1), weights_BKV.reshape(-1), minlength=B * bins
        ).reshape(B, bins)
        positions_P = np.arange(bins) - K
        overlap_B = np.minimum(lengths_B, self.length) // 2
        min_B1, max_B1 = (overlap_B - lengths_B)[:, None], (self.length - overlap_B)[:, None]
        allowed_BP = (positions_P >= min_B1) & (positions_P <= max_B1)
        return np.where(allowed_BP, votes_BP, -1.0), positions_P

    def align(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> MarkerPositions:
        """Return the position of every base, taking insertions and deletions into account.

        A barcode is aligned by the path with the most votes, where each change of shift costs
        `CHANGE_COST`. To save time, only barcodes in which some block of 5-mers votes for another
        shift than the whole barcode are aligned.
        """
        return MarkerPositions.join(
            [
                self._align(codes_BL[i : i + _BATCH_SIZE], lengths_B[i : i + _BATCH_SIZE])
                for i in range(0, len(codes_BL), _BATCH_SIZE)
            ]
        )

    def _align(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> MarkerPositions:
        first_BKV, weights_BKV = self._votes(codes_BL)
        first_B = self._first(first_BKV, weights_BKV, lengths_B)
        shift_BKV = first_BKV - first_B[:, None, None]
        near_BKV = np.abs(shift_BKV) <= MAX_SHIFT
        votes_BKV = np.where(near_BKV, weights_BKV, 0)
        column_BKV = np.where(near_BKV, shift_BKV + MAX_SHIFT, 0)
        blocks = _sum_votes(votes_BKV, column_BKV, _BLOCK)
        lead_B = (blocks.max(2) - blocks[:, :, MAX_SHIFT]).max(1, initial=0)
        rows = np.flatnonzero(lead_B > _MIN_LEAD)
        path_NK = _best_path(_sum_votes(votes_BKV[rows], column_BKV[rows], 1))
        # The shift of a 5-mer is that of its first base. After a change, the new shift also holds
        # for the later bases of the 5-mer.
        inside_NK = np.arange(1, path_NK.shape[1]) <= (lengths_B[rows] - K)[:, None]
        at, base = np.nonzero((np.diff(path_NK, axis=1) != 0) & inside_NK)
        if path_NK.size:
            first_B[rows] += path_NK[:, 0]
        counts_B = np.zeros(len(first_B), np.int64)
        np.add.at(counts_B, rows[at], 1)
        return MarkerPositions(
            first_B, counts_B, base + 1, path_NK[at, base + 1] - path_NK[at, base]
        )

    def agreement(self, codes_BL: np.ndarray, lengths_B: np.ndarray) -> float:
        """Return the fraction of barcodes whose two halves give the same position.

        The fraction is near 1 if the marker has fixed positions, and at chance level if not.
        """
        half_B = lengths_B // 2
        second_BL = np.where(np.arange(codes_BL.shape[1]) < half_B[:, None], AMBIGUOUS, codes_BL)
        first_BL = np.where(np.arange(codes_BL.shape[1]) < half_B[:, None], codes_BL, AMBIGUOUS)
        return float((self.locate(first_BL, lengths_B) == self.locate(second_BL, lengths_B)).mean())


@dataclass(frozen=True, slots=True)
class MarkerPositions:
    """Positions of the bases of barcodes in their marker.

    ``first_B`` is the position of each barcode's first base and ``counts_B`` its number of changes
    of shift. All changes, in order, are in ``bases_N``, the base at which the change happens, and
    ``shifts_N``, the bases by which all later positions move. All arrays are int64.
    """

    first_B: np.ndarray
    counts_B: np.ndarray
    bases_N: np.ndarray
    shifts_N: np.ndarray
    #: Index of each barcode's first change. Computed once, because `take` is called for each batch.
    _begin_B: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_begin_B", self.counts_B.cumsum() - self.counts_B)

    def columns(self) -> dict[str, np.ndarray]:
        """Return the arrays from which the object can be constructed again."""
        return {name: getattr(self, name) for name in _COLUMNS}

    @classmethod
    def join(cls, parts: Sequence[MarkerPositions]) -> MarkerPositions:
        """Concatenate the positions of several batches."""
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
        """Return the positions of some of the barcodes."""
        counts_B = self.counts_B[rows]
        within = np.arange(counts_B.sum()) - np.repeat(counts_B.cumsum() - counts_B, counts_B)
        changes = np.repeat(self._begin_B[rows], counts_B) + within
        return MarkerPositions(
            self.first_B[rows], counts_B, self.bases_N[changes], self.shifts_N[changes]
        )

    def expand(self, width: int) -> np.ndarray:
        """Return the position of every base, int64 (B, width)."""
        steps_BL = np.ones((len(self), width), np.int64)
        steps_BL[:, :1] = self.first_B[:, None]
        rows = np.repeat(np.arange(len(self)), self.counts_B)
        inside = self.bases_N < width
        np.add.at(steps_BL, (rows[inside], self.bases_N[inside]), self.shifts_N[inside])
        return steps_BL.cumsum(1)


def _sum_votes(votes_BKV: np.ndarray, column_BKV: np.ndarray, block: int) -> np.ndarray:
    """Sum votes by shift over blocks of 5-mers, float32 (B, blocks, S)."""
    B, K, _ = votes_BKV.shape
    blocks, width = -(-K // block), 2 * MAX_SHIFT + 1
    row_BK1 = (np.arange(B)[:, None] * blocks + np.arange(K) // block)[:, :, None]
    sums = np.bincount(
        (row_BK1 * width + column_BKV).reshape(-1),
        votes_BKV.reshape(-1),
        minlength=B * blocks * width,
    )
    return sums.reshape(B, blocks, width).astype(np.float32)


def _best_path(votes_NKS: np.ndarray) -> np.ndarray:
    """Return the shifts of the best path, int64 (N, K): most votes minus the cost of changes."""
    N, K, S = votes_NKS.shape
    score_NS = np.where(np.arange(S) == MAX_SHIFT, 0.0, -CHANGE_COST) + np.zeros((N, 1))
    stays = np.empty((K, N, S), bool)
    best = np.empty((K, N), np.int64)
    every = np.arange(N)
    for k in range(K):
        best[k] = score_NS.argmax(1) if N else 0
        changed_N1 = score_NS[every, best[k]][:, None] - CHANGE_COST
        stays[k] = score_NS >= changed_N1
        score_NS = np.where(stays[k], score_NS, changed_N1) + votes_NKS[:, k]
    path_NK = np.empty((N, K), np.int64)
    now_N = score_NS.argmax(1) if N else every
    for k in range(K - 1, -1, -1):
        path_NK[:, k] = now_N
        now_N = np.where(stays[k, every, now_N], now_N, best[k])
    return path_NK - MAX_SHIFT


def learn_anchor(codes: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Anchor:
    """Fit an anchor to the barcodes of a corpus: base codes (total,), starts and lengths (B,).

    Uses at most 20,000 barcodes, evenly spaced, so that the same corpus gives the same anchor. The
    first round assumes that all barcodes of the most common length begin at the same position.
    """
    rows = np.unique(np.linspace(0, len(lengths) - 1, _SAMPLE_SIZE).astype(int))
    sample = _Sample(codes, starts[rows], np.minimum(lengths[rows], _MAX_LENGTH))
    common_length = np.bincount(sample.lengths_B).argmax()
    positions_B = np.zeros(len(rows), np.int64)
    counts = sample.count(positions_B, sample.lengths_B == common_length)
    for _ in range(_ROUNDS):
        positions_B = sample.locate(_most_informative(counts, 0, 3 * _MAX_LENGTH)) - _MAX_LENGTH
        counts = sample.count(positions_B, np.ones(len(rows), bool))
    covered = np.flatnonzero(counts.sum(0) >= _MIN_COVERAGE * counts.sum(0).max())
    # A 5-mer that begins at the last position ends four bases later.
    return _most_informative(counts, covered[0], covered[-1] - covered[0] + K)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Barcodes to fit an anchor to. Until the marker is known, positions start at -_MAX_LENGTH."""

    codes: np.ndarray
    starts_B: np.ndarray
    lengths_B: np.ndarray

    def locate(self, anchor: Anchor) -> np.ndarray:
        return np.concatenate([anchor.locate(*self._bases(part)) for part in self._parts()])

    def count(self, positions_B: np.ndarray, chosen_B: np.ndarray) -> np.ndarray:
        """Count the 5-mers of the chosen barcodes by position; float64 (5-mers, 3 * _MAX_LENGTH).

        ``positions_B`` are the positions of the first bases.
        """
        width = 3 * _MAX_LENGTH
        counts = np.zeros(_KMERS * width)
        for part in self._parts():
            kmers_BK = overlapping_kmers(self._bases(part)[0], K)
            positions_BK = positions_B[part, None] + np.arange(kmers_BK.shape[1]) + _MAX_LENGTH
            counted_BK = chosen_B[part, None] & (kmers_BK < _KMERS)
            bins = (kmers_BK * width + positions_BK)[counted_BK]
            counts += np.bincount(bins, minlength=len(counts))
        return counts.reshape(_KMERS, width)

    def _parts(self) -> list[slice]:
        return [slice(i, i + 1_000) for i in range(0, len(self.starts_B), 1_000)]

    def _bases(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        lengths_B = self.lengths_B[part]
        return gather_bases(self.codes, self.starts_B[part], lengths_B), lengths_B


def encode_rows(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return base codes of sequences, uint8 (B, L), ambiguous past the end, and lengths, (B,)."""
    lengths_B = np.array([len(bases) for bases in sequences], np.int64)
    codes = encode_bases("".join(sequences))
    return gather_bases(codes, lengths_B.cumsum() - lengths_B, lengths_B), lengths_B


def gather_bases(codes: np.ndarray, starts_B: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
    """Return barcodes of one array of base codes, uint8 (B, longest), ambiguous past the end."""
    offsets_L = np.arange(int(lengths_B.max(initial=0)))
    inside_BL = offsets_L < lengths_B[:, None]
    index_BL = np.where(inside_BL, starts_B[:, None] + offsets_L, 0)
    return np.where(inside_BL, codes[index_BL], AMBIGUOUS).astype(np.uint8)


def _most_informative(counts: np.ndarray, first: int, length: int) -> Anchor:
    """Return, for every 5-mer, the positions at which it is most enriched, with the log-odds."""
    frequency = (counts.sum(1, keepdims=True) + 0.5) / (counts.sum() + 0.5 * _KMERS)
    expected = _PRIOR * frequency
    columns = counts[:, first : first + length]
    odds = np.log((columns + expected) / ((columns.sum(0) + _PRIOR) * frequency))
    best = np.argsort(-odds, axis=1, kind="stable")[:, :VOTES]
    weights = np.maximum(np.take_along_axis(odds, best, 1), 0)
    return Anchor(
        np.vstack((best, np.zeros((1, VOTES)))).astype(np.int16),
        np.vstack((weights, np.zeros((1, VOTES)))).astype(np.float32),
        int(length),
    )
