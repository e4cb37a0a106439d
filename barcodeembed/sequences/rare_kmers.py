"""Which references share the most and the rarest k-mers with a query.

Vectors of short fragments rank references only roughly. Shared 8-mers, each weighted by its rarity
(the logarithm of the inverse fraction of references that have it), find the right ones among a
thousand without an alignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from barcodeembed.sequences.bases import encode_bases, overlapping_kmers

_K = 8

#: Stands for every 8-mer with an ambiguous base, too: it is poly-A, which says little.
_NONE = 0

#: Rarity is estimated from this many references, evenly spaced.
_COUNTED = 20_000

_CHUNK = 1 << 22


class _Table(NamedTuple):
    """The 8-mers of all references, uint16, one after the other, and the weight of each 8-mer.

    The 8-mers of reference i are ``kmers[starts[i]:ends[i]]``.
    """

    kmers: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    weights: np.ndarray


class RareKmers:
    """Scores references by the k-mers that they share with a query.

    The references are read when they are first needed: two bytes of memory for each base.
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = sequences

    def scores(self, query: str, rows: np.ndarray) -> np.ndarray:
        """Return the summed weight of the query's 8-mers in each reference, float32 (rows,).

        An 8-mer that occurs twice in a reference counts twice.

        >>> kmers = RareKmers(["ACGTACGGTTCA", "ACGTACGGAACC", "GGGGGGGGGGGG"])
        >>> kmers.scores("TACGTACGGTT", np.arange(3)).astype(float).round(2).tolist()
        [1.67, 0.29, 0.0]
        """
        table = self._table
        asked = np.zeros_like(table.weights)
        own = _kmers_of(query)
        asked[own] = table.weights[own]
        found = [
            asked[table.kmers[start:end]].sum()
            for start, end in zip(table.starts[rows], table.ends[rows], strict=True)
        ]
        return np.array(found, np.float32)

    @cached_property
    def _table(self) -> _Table:
        sequences = list(self._sequences)  # they can be on disk: read them once
        lengths = np.array([len(bases) for bases in sequences], np.int64)
        # Separated by an ambiguous base, so that no 8-mer is from two references.
        joined = "N".join(sequences)
        starts = np.cumsum(lengths + 1) - lengths - 1
        ends = np.maximum(starts + lengths - _K + 1, starts)
        kmers = np.concatenate(
            [_kmers_of(joined[i : i + _CHUNK + _K - 1]) for i in range(0, len(joined), _CHUNK)]
        )
        found = np.zeros(4**_K, np.int64)
        counted = range(0, len(lengths), max(1, len(lengths) // _COUNTED))
        for number in counted:
            found[np.unique(kmers[starts[number] : ends[number]])] += 1
        weights = np.log((1 + len(counted)) / (1 + found)).astype(np.float32)
        weights[_NONE] = 0.0
        return _Table(kmers, starts, ends, weights)


def _kmers_of(bases: str) -> np.ndarray:
    """Return the number of the 8-mer at each base, uint16 (L - 7,)."""
    numbers = overlapping_kmers(encode_bases(bases), _K)
    return np.where(numbers < 4**_K, numbers, _NONE).astype(np.uint16)
