"""Find the stretch of a read that is of the marker, on either strand, and cut the read to it.

A mitogenome, a contig or a read with its adapters contains more than the barcode, and the rest
must not count: neither for the strand nor for the name. The 5-mers of an `Anchor` vote for
positions in the marker. In a barcode they agree, so the votes on one diagonal (position in the
marker minus position in the read) add up; elsewhere they scatter. The stretch with the highest sum
of votes, less a cost for every base, is the barcode.

A run of N is where two reads were joined, or a gap of a contig. Its length says nothing. So each
side is placed in the marker by its own votes, and the run gets the length that is missing between
them.

Shapes: B reads, L bases, K 5-mers of a read, V votes of a 5-mer, H votes of all 5-mers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from barcodeembed.sequences.anchor import CHANGE_COST, MAX_SHIFT, Anchor, K, encode_rows
from barcodeembed.sequences.bases import encode_bases, overlapping_kmers
from barcodeembed.sequences.orientation import strand
from barcodeembed.sequences.stretches import Stretch, Window

#: Votes are counted in multiples of 1 / _UNIT, as integers, so that sums are exact in any order.
_UNIT = 1024

#: Cost of a base, in votes. A barcode has 2 to 4 votes per base, another sequence 0.04.
_COST = 0.5

#: Cost of an insertion or deletion. By chance, the bases after a barcode continue it with another
#: shift more often than barcodes have an insertion or deletion near an end.
_SHIFT_COST = 2 * CHANGE_COST

#: Votes, less the costs, from which a stretch is of the marker. The best of a megabase of random
#: bases has 70, and 100 bases of a barcode have 200 or more.
_MIN_SCORE = 80.0

#: A read with fewer votes per base than this, less the cost, is searched on both strands.
_SEARCH_BELOW = 1.0

#: Bases beyond the marker that are left: the ends of the marker are not exact.
_BEYOND = 12

#: An end of this many bases whose votes do not pay for its bases is not of the marker. Barcodes
#: have up to 14 such bases. The second number is for an end that continues beyond the marker.
_END, _INNER_END = 24, 8

#: A read begins and ends in the marker if the bases at both ends have this many votes for their
#: position. Other bases have 30 at most; those of a barcode mostly have 60 or more.
_SIDE, _SIDE_VOTES = 32, 40.0

#: A long read is searched in chunks, which bounds the memory.
_CHUNK = 20_000
_BATCH_SIZE = 128

#: N in a row that separate two parts of a read.
GAP = re.compile("N{5,}")

#: Score from which a part is placed by its own votes: that of 30 bases of a barcode.
_MIN_PART = 60.0


@dataclass(frozen=True, slots=True)
class AnchorLocator:
    """Finds barcodes in reads by the positions of a marker.

    ``log_odds`` are those of `learn_orientation`, ``length`` is the usual length of a barcode, and
    ``max_bases`` that of the longest read that can be named without being cut.
    """

    anchor: Anchor
    log_odds: np.ndarray
    length: int
    max_bases: int

    def locate(self, reads: Sequence[str]) -> list[Stretch | None]:
        """Return the barcode of each clean read.

        A read in which nothing is found is returned whole, or None if it is too long for that. An
        end is only cut if it is clearly not of the marker.
        """
        whole = [Window.of(read, strand(read, self.log_odds)) for read in reads]
        located: list[Stretch | None] = [window.stretch() for window in whole]
        unclear = np.flatnonzero(~_is_all_marker(whole, self.anchor)).tolist()
        for i, cut in zip(unclear, self._find([whole[i] for i in unclear]), strict=True):
            if cut.score >= _MIN_SCORE:
                located[i] = cut.window.stretch()
            elif len(reads[i]) > self.max_bases:
                located[i] = None
        return located

    def score(self, read: str) -> float:
        """Return the score of the best stretch; 1 is the lowest of a barcode."""
        return _best_segment(Window.of(read, "+"), self.anchor)[0].score / _MIN_SCORE

    def _find(self, reads: Sequence[Window]) -> list[_Cut]:
        """Return the best part of each read on either strand."""
        longest = self.anchor.length + 2 * _BEYOND
        windows = [
            read if len(read.bases) <= longest else _search(read, self.anchor) for read in reads
        ]
        found = _cut(windows, self.anchor)
        for i, (read, cut) in enumerate(zip(reads, found, strict=True)):
            if len(read.bases) <= longest and cut.score < _SEARCH_BELOW * len(read.bases):
                # Few votes. The strand of all its 6-mers can be that of something else.
                other = _cut([_search(read, self.anchor)], self.anchor)[0]
                found[i] = other if other.score > cut.score else cut
        return found


class _Cut(NamedTuple):
    """A window that was cut to the marker, and its score."""

    score: float
    window: Window


class Segment(NamedTuple):
    """A stretch on one diagonal: the position in the marker minus that in the sequence."""

    score: float
    start: int
    end: int
    diagonal: int


def find_segment(codes: np.ndarray, anchor: Anchor) -> Segment:
    """Return the stretch with the highest score of a sequence, given as base codes, uint8 (L,).

    The score is the sum of the votes on one diagonal less the cost of the bases. It is 0 if there
    are no votes. An insertion or deletion ends the stretch.
    """
    step = _CHUNK - 2 * anchor.length
    best = Segment(0.0, 0, 0, 0)
    for begin in range(0, max(len(codes) - 2 * anchor.length, 1), step):
        found = _segment_of_chunk(codes[begin : begin + _CHUNK], anchor)
        if found.score > best.score:
            score, start, end, diagonal = found
            best = Segment(score, start + begin, end + begin, diagonal - begin)
    return best


def _segment_of_chunk(codes: np.ndarray, anchor: Anchor) -> Segment:
    kmers_K = overlapping_kmers(codes, K)
    votes_KV = _integers(anchor)[kmers_K]
    base_H, _ = np.nonzero(votes_KV)
    if not len(base_H):
        return Segment(0.0, 0, 0, 0)
    diagonal_H = anchor.positions[kmers_K][votes_KV > 0].astype(np.int64) - base_H
    order = np.lexsort((base_H, diagonal_H))
    base_H, diagonal_H, votes_H = base_H[order], diagonal_H[order], votes_KV[votes_KV > 0][order]
    # The score of the stretch from vote a to vote b is after[b] - before[a].
    after_H = votes_H.cumsum() - int(_COST * _UNIT) * base_H
    before_H = after_H - votes_H
    # The lowest value so far, of the same diagonal: each diagonal is lower than the one before it.
    drop_H = np.cumsum(np.diff(diagonal_H, prepend=diagonal_H[0]) != 0) * (2 * np.ptp(after_H) + 1)
    lowest_H = np.minimum.accumulate(before_H - drop_H) + drop_H
    b = int((after_H - lowest_H).argmax())
    a = b - int((before_H[b::-1] == lowest_H[b]).argmax())
    score = float(after_H[b] - lowest_H[b]) / _UNIT
    return Segment(score, int(base_H[a]), int(base_H[b]) + K, int(diagonal_H[b]))


def _is_all_marker(reads: Sequence[Window], anchor: Anchor) -> np.ndarray:
    """Return which reads begin and end in the marker, as far apart as there, bool (B,).

    This is most of the reads that are barcodes, for a fraction of the cost of an alignment.
    """
    firsts, votes = [], []
    for side in (slice(None, _SIDE), slice(-_SIDE, None)):
        batches = [
            anchor.best(*encode_rows([read.bases[side] for read in reads[i : i + _BATCH_SIZE]]))
            for i in range(0, len(reads), _BATCH_SIZE)
        ]
        firsts.append(np.concatenate([np.zeros(0, np.int64), *(batch[0] for batch in batches)]))
        votes.append(np.concatenate([np.zeros(0), *(batch[1] for batch in batches)]))
    lengths = np.array([len(read.bases) for read in reads], np.int64)
    expected = firsts[0] + lengths - _SIDE
    return (
        (np.minimum(*votes) >= _SIDE_VOTES)
        & (firsts[0] > -_BEYOND)
        & (firsts[1] + _SIDE < anchor.length + _BEYOND)
        & (np.abs(firsts[1] - expected) <= MAX_SHIFT)
        & np.array([not GAP.search(read.bases) for read in reads], bool)
    )


def _best_segment(read: Window, anchor: Anchor) -> tuple[Segment, Window]:
    """Return the segment with the highest score, and the read on the strand that it is on."""
    windows = (read, read.other_strand())
    segments = [find_segment(encode_bases(window.bases), anchor) for window in windows]
    return max(zip(segments, windows, strict=True), key=lambda pair: pair[0].score)


def _search(read: Window, anchor: Anchor) -> Window:
    """Return the window of a read, on the better strand, that contains the whole barcode."""
    best, window = _best_segment(read, anchor)
    first, last = -best.diagonal - 2 * _BEYOND, anchor.length - best.diagonal + 2 * _BEYOND
    if GAP.search(window.bases, max(first, 0), max(last, 0)):
        first, last = best.start - anchor.length, best.end + anchor.length
    return window.part(max(first, 0), max(last, 0))


def _cut(windows: Sequence[Window], anchor: Anchor) -> list[_Cut]:
    """Cut each window to the marker; its runs of N get the length of the missing bases."""
    spaced = [_respace(window, anchor) for window in windows]
    cut = [_Cut(0.0, window) for window in spaced]
    order = sorted(range(len(spaced)), key=lambda i: len(spaced[i].bases))
    for start in range(0, len(order), _BATCH_SIZE):
        numbers = order[start : start + _BATCH_SIZE]
        ends = _ends([spaced[i].bases for i in numbers], anchor)
        for i, score, first, last in zip(numbers, *ends, strict=True):
            cut[i] = _Cut(score, spaced[i].part(first, last))
    return cut


def _ends(sequences: Sequence[str], anchor: Anchor) -> tuple[list[float], list[int], list[int]]:
    """Return the score, the first base, and the end of the marker in each sequence."""
    codes_BL, lengths_B = encode_rows(sequences)
    positions_BL = anchor.align(codes_BL, lengths_B).expand(codes_BL.shape[1])
    kmers_BK = overlapping_kmers(codes_BL, K)
    agree_BKV = anchor.positions[kmers_BK] == positions_BL[:, : kmers_BK.shape[1], None]
    votes_BK = np.where(agree_BKV, _integers(anchor)[kmers_BK], 0).sum(2)
    cost_BK = np.where(kmers_BK < 4**K, int(_COST * _UNIT), 0)
    moved_BK = np.diff(positions_BL[:, : kmers_BK.shape[1]], axis=1, prepend=0) != 1
    moved_BK[:, 0] = False
    cost_BK += moved_BK * int(_SHIFT_COST * _UNIT)
    sums_BK = np.pad((votes_BK - cost_BK).cumsum(1), ((0, 0), (1, 0)))
    gains_BK = sums_BK - np.minimum.accumulate(sums_BK, axis=1)
    every, stop_B = np.arange(len(sequences)), gains_BK.argmax(1)
    score_B = gains_BK[every, stop_B]
    # The last of the lowest sums before the stop, so that N at the beginning do not count.
    lowest_BK = sums_BK == (sums_BK[every, stop_B] - score_B)[:, None]
    lowest_BK &= np.arange(sums_BK.shape[1]) <= stop_B[:, None]
    start_B = lowest_BK.shape[1] - 1 - lowest_BK[:, ::-1].argmax(1)
    inside_BL = np.arange(codes_BL.shape[1]) < lengths_B[:, None]
    before_B = ((positions_BL < 0) & inside_BL).sum(1)
    after_B = ((positions_BL >= anchor.length) & inside_BL).sum(1)
    first_B = _bases_to_cut(start_B, before_B)
    end_B = lengths_B - _bases_to_cut(lengths_B - stop_B - K + 1, after_B)
    return (score_B / _UNIT).tolist(), first_B.tolist(), end_B.tolist()


def _bases_to_cut(outside_B: np.ndarray, beyond_B: np.ndarray) -> np.ndarray:
    """Return the number of bases to cut from an end, (B,).

    ``outside_B`` bases of the end are outside the best stretch, and ``beyond_B`` beyond the marker.
    """
    continues_B = beyond_B >= _BEYOND
    least_B = np.where(continues_B, _INNER_END, _END)
    cut_B = np.where(continues_B, beyond_B, 0)
    return np.where(outside_B - beyond_B >= least_B, outside_B, cut_B)


def _respace(window: Window, anchor: Anchor) -> Window:
    """Give each run of N the length of the bases that are missing in the marker.

    Where two joined reads overlap, the bases that were read twice are kept once.
    """
    runs = [match.span() for match in GAP.finditer(window.bases)]
    if not runs:
        return window
    edges = [0, *(edge for run in runs for edge in run), len(window.bases)]
    parts = [part for part in zip(edges[::2], edges[1::2], strict=True) if part[0] < part[1]]
    if not parts:
        return window
    firsts = _place(window, parts, anchor)
    bases, places = [], []
    at = firsts[0]
    for (start, end), first in zip(parts, firsts, strict=True):
        missing, again = max(first - at, 0), min(max(at - first, 0), end - start)
        bases += ["N" * missing, window.bases[start + again : end]]
        places += [np.full(missing, -1), window.places[start + again : end]]
        at = max(at, first + end - start)
    return Window("".join(bases), window.strand, np.concatenate(places))


def _place(window: Window, parts: Sequence[tuple[int, int]], anchor: Anchor) -> list[int]:
    """Return the position in the marker of the first base of each part, in order.

    A part without enough votes, or out of order, is as far from the part next to it as in the read.
    """
    found = [find_segment(encode_bases(window.bases[start:end]), anchor) for start, end in parts]
    best = max(range(len(parts)), key=lambda i: found[i].score)
    firsts = [found[best].diagonal] * len(parts)
    for step, stop in ((1, len(parts)), (-1, -1)):
        for i in range(best + step, stop, step):
            before = firsts[i - step]
            firsts[i] = before + parts[i][0] - parts[i - step][0]
            if found[i].score >= _MIN_PART and (found[i].diagonal - before) * step > 0:
                firsts[i] = found[i].diagonal
    return firsts


def _integers(anchor: Anchor) -> np.ndarray:
    return np.rint(anchor.weights * _UNIT).astype(np.int64)
