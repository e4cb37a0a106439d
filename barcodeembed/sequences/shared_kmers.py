"""Which references share the most and the rarest k-mers with a query: an inverted index.

Vectors of short fragments rank references only roughly. Shared k-mers, each weighted by its rarity
(the logarithm of the number of references over the number of those that have it), find the right
ones in all of a reference without an alignment.

Of all 12-mers one in four is indexed: those that a hash maps below a limit, so that a query and a
reference sample the same ones (as the scaled sketches of sourmash do, Brown and Irber, JOSS 2016).

Shapes: N references, U distinct hashes, P postings (hash, reference), H hashes of a query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from math import comb
from typing import NamedTuple

import numpy as np

from barcodeembed.bundles.scratch import TEMPORARY, Scratch
from barcodeembed.sequences.bases import encode_bases, overlapping_kmers
from barcodeembed.sequences.kmer_sums import Sums, add_up

K = 12

#: An odd multiplier permutes the k-mers (Knuth's multiplicative hash), here modulo 4^K.
_MULTIPLIER = 2_654_435_761

#: One in four: the k-mers whose hash is below this.
_HASHES = 4 ** (K - 1)

#: The rarest k-mers of a query are read until they have this many references in all. Frequent
#: k-mers say little and cost most.
_MAX_POSTINGS = 200_000

#: Bases that are read at a time.
_CHUNK = 1 << 20

#: References of k-mers that are in memory at a time, 4 bytes each. For more, the sequences are read
#: again.
_SORTED = 1 << 29

#: Hashes and rows, (P,) each.
Pairs = Iterator[tuple[np.ndarray, np.ndarray]]


class Postings(NamedTuple):
    """Which references have which k-mers.

    ``hashes`` uint32 (U,) are those of the k-mers, ascending. The references of hash i are
    ``rows[starts[i]:starts[i + 1]]``, uint32, ascending; ``starts`` int64 (U + 1,).
    """

    hashes: np.ndarray
    starts: np.ndarray
    rows: np.ndarray


class KnownKmers(NamedTuple):
    """The distinct sampled k-mers of a sequence.

    ``places`` int64 (H,) are where they begin, ``known`` bool (H,) whether a reference has them,
    and ``chance`` (H,) the fraction of the k-mers with as many G and C that a reference has.
    """

    places: np.ndarray
    known: np.ndarray
    chance: np.ndarray


class SharedKmers:
    """Scores ``references`` (their number, N) by the k-mers that they share with a query.

    ``read`` returns the postings. It is called when they are first needed.
    """

    def __init__(self, read: Callable[[], Postings], references: int) -> None:
        self._read = read
        self.references = references

    @cached_property
    def postings(self) -> Postings:
        """The k-mers of the references."""
        return self._read()

    @cached_property
    def _sums(self) -> Sums:
        return Sums(self.references)

    @classmethod
    def of(cls, sequences: Sequence[str], scratch: Scratch = TEMPORARY) -> SharedKmers:
        """Index references by their sequences. This takes about one byte for each base, on disk."""
        each = np.arange(len(sequences))
        postings = _postings(lambda: _pairs(sequences, each), scratch)
        return cls(lambda: postings, len(sequences))

    @classmethod
    def of_groups(
        cls,
        sequences: Sequence[str],
        rows_M: np.ndarray,
        groups_M: np.ndarray,
        count: int,
        scratch: Scratch = TEMPORARY,
    ) -> SharedKmers:
        """Index ``count`` groups of sequences by the k-mers of all their members.

        Member m is sequence ``rows_M[m]`` of group ``groups_M[m]``.
        """
        order = np.argsort(groups_M, kind="stable")
        rows, groups = rows_M[order], groups_M[order]
        postings = _postings(lambda: _pairs((sequences[row] for row in rows), groups), scratch)
        return cls(lambda: postings, count)

    def scores(self, query: str) -> np.ndarray:
        """Return which fraction of a query's k-mers each reference has, float64 (N,).

        K-mers count by their rarity, and one that no reference has counts as the rarest.

        >>> references = ["ACGTTGCAAGGCTTAC" * 5, "TTGACCATGGACGTGA" * 5, "GGGG"]
        >>> kmers = SharedKmers.of(references)
        >>> kmers.scores("ACGTTGCAAGGCTTACACGTTGCAAG").tolist()
        [1.0, 0.0, 0.0]
        """
        lists, weights, total = self._rarest(query)
        scores_N = np.zeros(self.references)
        add_up(lists, weights, scores_N)
        scores_N /= total
        return scores_N

    def closest(
        self, query: str, count: int, given: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the ``count`` references with the highest `scores`, these, and those of ``given``.

        References with equal scores are in the order of their rows. Those that share no k-mer are
        left out.
        """
        lists, weights, total = self._rarest(query)
        rows, sums, of_given = self._sums.highest(lists, weights, count, given)
        scores = sums / total
        order = np.lexsort((rows, -scores))[:count]
        return rows[order], scores[order], of_given / total

    def score_of(self, query: str, hashes: np.ndarray) -> float:
        """Return the score of a reference with these `sampled_hashes`."""
        asked = _hashes(query)
        rarity_H = self._rarity(asked)[2]
        return float(rarity_H[np.isin(asked, hashes)].sum() / max(rarity_H.sum(), 1e-9))

    def known(self, query: str) -> float:
        """Return which fraction of a query's k-mers any reference has.

        >>> SharedKmers.of(["ACGTTGCAAGGCTTAC" * 5]).known("ACGTTGCAAGGCTTACACGTTGCAAG")
        1.0
        """
        counts_H = self._rarity(_hashes(query))[1]
        return float((counts_H > 0).mean()) if len(counts_H) else 0.0

    def known_at(self, bases: str) -> KnownKmers:
        """Return which of the sampled k-mers of a sequence any reference has.

        A k-mer that is repeated is only returned once, so that repeats do not count.
        """
        kmers = overlapping_kmers(encode_bases(bases), K)
        hashes, places = _sampled(kmers)
        first = np.sort(np.unique(hashes, return_index=True)[1])
        places = places[first]
        known = self._rarity(hashes[first])[1] > 0
        return KnownKmers(places, known, self._density[_count_gc(kmers[places])])

    @cached_property
    def _density(self) -> np.ndarray:
        """The fraction of the k-mers with 0, 1, ... G or C that a reference has, (K + 1,)."""
        kmers = self.postings.hashes.astype(np.int64) * pow(_MULTIPLIER, -1, 4**K) % 4**K
        found = np.bincount(_count_gc(kmers), minlength=K + 1)
        sampled = [comb(K, gc) * 2**K * _HASHES / 4**K for gc in range(K + 1)]
        return found / sampled

    def take(self, chosen: np.ndarray) -> SharedKmers:
        """Return the index of the references where ``chosen``, bool (N,), is true."""
        hashes, starts, rows = self.postings
        kept = chosen[rows]
        counts = np.add.reduceat(kept, starts[:-1], dtype=np.int64) if len(kept) else kept
        some = np.flatnonzero(counts)
        number = np.cumsum(chosen) - 1
        taken = Postings(
            hashes[some],
            np.concatenate([[0], np.cumsum(counts[some])]),
            number[rows[kept]].astype(np.uint32),
        )
        return SharedKmers(lambda: taken, int(chosen.sum()))

    def _rarest(self, query: str) -> tuple[list[np.ndarray], np.ndarray, float]:
        """Return the references of the rarest k-mers, their rarity, and the sum of that of all."""
        _, starts, rows = self.postings
        at_H, counts_H, rarity_H = self._rarity(_hashes(query))
        rarest = np.lexsort((at_H, counts_H))
        rarest = rarest[(counts_H[rarest] > 0) & (counts_H[rarest].cumsum() <= _MAX_POSTINGS)]
        begins = starts[at_H[rarest]]
        ends = begins + counts_H[rarest]
        lists = [rows[b:e] for b, e in zip(begins.tolist(), ends.tolist(), strict=True)]
        return lists, rarity_H[rarest], max(rarity_H.sum(), 1e-9)

    def _rarity(self, hashes_H: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where hashes are, how many references have them, and their rarity, (H,) each."""
        hashes, starts, _ = self.postings
        # Of one type, or NumPy converts all hashes of the references.
        at_H = np.searchsorted(hashes, hashes_H.astype(hashes.dtype))
        counts_H = np.zeros(len(hashes_H), np.int64)
        known = np.flatnonzero(at_H < len(hashes))
        known = known[hashes[at_H[known]] == hashes_H[known]]
        counts_H[known] = starts[at_H[known] + 1] - starts[at_H[known]]
        return at_H, counts_H, np.log((1 + self.references) / np.maximum(counts_H, 1))


def _count_gc(kmers: np.ndarray) -> np.ndarray:
    """Return the number of G and C of each k-mer, int64. Their two bits differ (A 00 to T 11)."""
    count = np.zeros(len(kmers), np.int64)
    for bit in range(0, 2 * K, 2):
        count += (kmers >> bit ^ kmers >> bit + 1) & 1
    return count


def sampled_hashes(sequences: Sequence[str]) -> np.ndarray:
    """Return the distinct hashes of the sampled k-mers of sequences, ascending."""
    return np.unique(_hashes_of_each(sequences)[0])


def _postings(pairs: Callable[[], Pairs], scratch: Scratch) -> Postings:
    """Return which references have which sampled k-mers, by hash. ``pairs`` are made repeatedly."""
    counts = np.zeros(_HASHES, np.int64)
    for hashes, _ in pairs():
        distinct, several = np.unique(hashes, return_counts=True)
        counts[distinct] += several
    starts = np.append(0, counts.cumsum())
    rows = scratch.store(_lists(pairs, starts), np.uint32)
    known = np.flatnonzero(counts)
    return Postings(known.astype(np.uint32), np.append(0, starts[known + 1]), rows)


def _lists(pairs: Callable[[], Pairs], starts: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the references of all hashes, those of some hashes at a time.

    The references of hash i begin at ``starts[i]``, int64 (_HASHES + 1,).
    """
    first = 0
    while first < _HASHES:
        end = max(first + 1, int(np.searchsorted(starts, starts[first] + _SORTED, "right")) - 1)
        at = starts[first:end] - starts[first]
        rows = np.empty(starts[end] - starts[first], np.uint32)
        for hashes, found in pairs():
            part = slice(*np.searchsorted(hashes, [first, end]))
            distinct, begin, several = np.unique(
                hashes[part] - first, return_index=True, return_counts=True
            )
            places = np.repeat(at[distinct] - begin, several) + np.arange(several.sum())
            rows[places] = found[part]
            at[distinct] += several
        yield rows
        first = end


def _pairs(sequences: Iterable[str], rows_N: np.ndarray) -> Pairs:
    """Yield the distinct pairs of a sampled k-mer's hash and the row of a sequence that has it.

    ``rows_N``, ascending, are the rows of the sequences. The arrays, int64, are the pairs of some
    rows at a time, in order.
    """
    part: list[str] = []
    begin = size = 0
    for end, bases in enumerate(sequences, 1):
        part.append(bases)
        size += len(bases)
        if end == len(rows_N) or (size >= _CHUNK and rows_N[end] != rows_N[end - 1]):
            hashes, numbers = _hashes_of_each(part)
            pairs = np.sort(hashes.astype(np.int64) << 32 | rows_N[begin + numbers])
            pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs
            yield pairs >> 32, pairs & 0xFFFFFFFF
            part, begin, size = [], end, 0


def _hashes(bases: str) -> np.ndarray:
    """Return the distinct hashes of the sampled k-mers of a sequence, int64 (H,), ascending."""
    return np.unique(_sampled(overlapping_kmers(encode_bases(bases), K))[0])


def _hashes_of_each(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of the sampled k-mers of sequences and their numbers, int32 (P,) each."""
    # Separated by an ambiguous base, so that no k-mer is from two sequences.
    hashes, places = _sampled(overlapping_kmers(encode_bases("N".join(sequences)), K))
    ends = np.cumsum([len(bases) + 1 for bases in sequences])
    return hashes.astype(np.int32), np.searchsorted(ends, places, "right").astype(np.int32)


def _sampled(kmers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of the k-mers that are sampled, and their places."""
    hashes = kmers * _MULTIPLIER % 4**K
    places = np.flatnonzero((hashes < _HASHES) & (kmers < 4**K))
    return hashes[places], places
