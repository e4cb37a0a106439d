"""Guess the marker of a read from its 8-mers, with log-odds fitted to references of each marker.

For each 8-mer the table has log(fraction of the 8-mers of the marker / fraction of those of the
main marker, COI). The two strands count together, so the orientation of a read does not matter. The
mean of the log-odds of a read's 8-mers shows which marker it resembles more than COI. This costs
little, but it does not show whether the read is of any of the markers: that is decided by the
k-mers that it shares with the references.

Shapes: M markers, without the main one; U 8-mers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike

import numpy as np

from barcodeembed.sequences.bases import encode_bases, overlapping_kmers

_K = 8
_KMERS = 4**_K
_POWERS = 4 ** np.arange(_K - 1, -1, -1)

#: Log-odds are stored as multiples of 1 / _UNIT, as integers, so that sums are exact in any order.
_UNIT = 256

#: A read resembles another marker if its mean log-odds are above this. Of real reads, 99 % of those
#: of the other markers are above it, and 0.1 % of those of COI (`benchmarks/marker_odds.py`).
MIN_ODDS = 0.3

#: Added to the count of each 8-mer.
_PSEUDOCOUNT = 0.2


@dataclass(frozen=True, slots=True)
class MarkerOdds:
    """The log-odds of 8-mers of the markers ``names``, against the main marker.

    ``table`` is int16 (M, U). An 8-mer and its reverse complement have the same values.
    """

    names: tuple[str, ...]
    table: np.ndarray

    def guess(self, bases: str) -> str | None:
        """Return the marker that a read resembles, or None if it is none of ``names``."""
        kmers = _unambiguous_kmers(bases)
        if not len(kmers) or not self.names:
            return None
        sums = self.table[:, kmers].sum(1, dtype=np.int64)
        best = int(sums.argmax())
        return self.names[best] if sums[best] > MIN_ODDS * _UNIT * len(kmers) else None


def learn_marker_odds(main: Iterable[str], others: Mapping[str, Iterable[str]]) -> MarkerOdds:
    """Return the log-odds of 8-mers of ``others``, by name, against those of the main marker."""
    against = _log_fractions(main)
    tables = [_log_fractions(references) - against for references in others.values()]
    table = np.rint(np.array(tables).reshape(-1, _KMERS) * _UNIT).astype(np.int16)
    return MarkerOdds(tuple(others), table)


def save_marker_odds(odds: MarkerOdds, path: str | PathLike[str]) -> None:
    """Write log-odds to a NumPy archive, without pickles. Each pair of strands is stored once."""
    kept = _canonical() == np.arange(_KMERS)
    np.savez_compressed(path, names=np.array(odds.names), table=odds.table[:, kept])


def load_marker_odds(path: str | PathLike[str]) -> MarkerOdds:
    """Read the log-odds that `save_marker_odds` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        names, kept = stored["names"], stored["table"]
    canonical = _canonical()
    rows = np.cumsum(canonical == np.arange(_KMERS)) - 1
    return MarkerOdds(tuple(map(str, names)), kept[:, rows[canonical]])


def _log_fractions(references: Iterable[str]) -> np.ndarray:
    """Return the logarithm of the fraction of references with each 8-mer, scaled to a sum of 1."""
    counts = np.full(_KMERS, _PSEUDOCOUNT)
    for bases in references:
        counts[np.unique(_canonical()[_unambiguous_kmers(bases)])] += 1
    canonical = _canonical()
    return np.log(counts / counts[canonical == np.arange(_KMERS)].sum())[canonical]


def _unambiguous_kmers(bases: str) -> np.ndarray:
    kmers = overlapping_kmers(encode_bases(bases), _K)
    return kmers[kmers < _KMERS]


@lru_cache
def _canonical() -> np.ndarray:
    """Return, for every 8-mer, the smaller of its number and that of its reverse complement."""
    digits = np.arange(_KMERS)[:, None] // _POWERS % 4
    return np.minimum(np.arange(_KMERS), (3 - digits[:, ::-1]) @ _POWERS)
