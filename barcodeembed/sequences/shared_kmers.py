"""Which references share the most and the rarest k-mers with a query: an inverted index.

Vectors of short fragments rank references only roughly. Shared k-mers, each weighted by its rarity
(the logarithm of the number of references over the number of those that have it), find the right
ones in all of a reference without an alignment.

Of all 12-mers one in four is indexed: those that a hash maps below a limit, so that a query and a
reference sample the same ones (as the scaled sketches of sourmash do, Brown and Irber, JOSS 2016).

Shapes: N references, P postings (k-mer, reference), H hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from barcodeembed.sequences.bases import encode_bases, overlapping_kmers

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_K = 12

#: An odd multiplier permutes the k-mers (Knuth's multiplicative hash), here modulo 4^K.
_MULTIPLIER = 2_654_435_761

#: One in four: the k-mers whose hash is below this.
_HASHES = 4 ** (_K - 1)

#: The rarest k-mers of a query are read until they have this many references in all. Frequent
#: k-mers say little and cost most.
_MAX_POSTINGS = 200_000

_CHUNK = 1 << 22


class SharedKmers:
    """Scores all references by the k-mers that they share with a query.

    The references are read when the first query is scored. An index needs about 1.3 bytes of
    memory for each base.
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = sequences

    def scores(self, query: str) -> np.ndarray:
        """Return the summed rarity of the k-mers that each reference shares, float64 (N,).

        >>> references = ["ACGTTGCAAGGCTTAC" * 5, "TTGACCATGGACGTGA" * 5, "GGGG"]
        >>> scores = SharedKmers(references).scores("TACACGTTGCAAGGCTTACACGTTGCAAG")
        >>> scores.argmax(), (scores[1:] == 0).all()
        (np.int64(0), np.True_)
        """
        postings = self._postings
        begins, ends = postings.indptr[:-1], postings.indptr[1:]
        hashes_H = np.unique(_hashes(query))
        counts_H = (ends[hashes_H] - begins[hashes_H]).astype(np.int64)
        rarest = np.lexsort((hashes_H, counts_H))
        rarest = rarest[(counts_H[rarest] > 0) & (counts_H[rarest].cumsum() <= _MAX_POSTINGS)]
        rows = [postings.indices[begins[h] : ends[h]] for h in hashes_H[rarest]]
        rarity = np.log((1 + len(self._sequences)) / counts_H[rarest])
        return np.bincount(
            np.concatenate(rows) if rows else np.zeros(0, np.int64),
            np.repeat(rarity, counts_H[rarest]),
            minlength=len(self._sequences),
        )

    @cached_property
    def _postings(self) -> csr_array:
        """The references that have each sampled k-mer, as the rows of a sparse matrix (H, N)."""
        from scipy.sparse import coo_array

        sequences = list(self._sequences)  # they can be on disk: read them once
        hashes, rows = [], []
        begin = size = 0
        for end, bases in enumerate(sequences, 1):
            size += len(bases)
            if size >= _CHUNK or end == len(sequences):
                found, row = _hashes_of_each(sequences[begin:end])
                hashes.append(found)
                rows.append(row + np.int32(begin))
                begin, size = end, 0
        pairs = (np.concatenate(hashes), np.concatenate(rows))
        has = np.ones(len(pairs[0]), np.int8)
        return coo_array((has, pairs), shape=(_HASHES, len(sequences))).tocsr()


def _hashes(bases: str) -> np.ndarray:
    """Return the hashes of the sampled k-mers of a sequence, int64."""
    return _sampled(overlapping_kmers(encode_bases(bases), _K))[0]


def _hashes_of_each(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of the sampled k-mers of sequences and their numbers, int32 (P,) each."""
    # Separated by an ambiguous base, so that no k-mer is from two sequences.
    hashes, places = _sampled(overlapping_kmers(encode_bases("N".join(sequences)), _K))
    ends = np.cumsum([len(bases) + 1 for bases in sequences])
    return hashes.astype(np.int32), np.searchsorted(ends, places, "right").astype(np.int32)


def _sampled(kmers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of the k-mers that are sampled, and their places."""
    hashes = kmers * _MULTIPLIER % 4**_K
    places = np.flatnonzero((hashes < _HASHES) & (kmers < 4**_K))
    return hashes[places], places
