"""Percent identity of a query and a reference, from an alignment of their overlap (edlib)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from barcodeembed.scoring.edit_paths import DELETED, INSERTED, MATCH, EditPath, align

_IUPAC = {
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
    "N": "ACGT",
}

#: An ambiguity code matches itself and each base that it stands for.
_EQUALITIES = tuple((code, base) for code, bases in _IUPAC.items() for base in bases)

_GAPS = bytes([INSERTED, DELETED])


class Identities(NamedTuple):
    """Identities of pairs: ``percents``, float64, and ``overlaps``, int64, in alignment columns."""

    percents: np.ndarray
    overlaps: np.ndarray

    def widened(self, width: int) -> Identities:
        """Add columns (Q, width) for pairs that were not aligned: NaN percent, overlap 0."""
        missing = ((0, 0), (0, width - self.percents.shape[1]))
        return Identities(
            np.pad(self.percents, missing, constant_values=np.nan), np.pad(self.overlaps, missing)
        )


def identities(
    queries: Sequence[str], references: Sequence[str], rows_QK: np.ndarray
) -> Identities:
    """Return the identity of each query and each of its references, (Q, K).

    Identical pairs are aligned only once.
    """
    return _identities(queries, rows_QK, cache(lambda q, row: _identity(q, references[row])))


def remembering(
    references: Sequence[str], pairs: int
) -> Callable[[Sequence[str], np.ndarray], Identities]:
    """Return `identities` of these references, which aligns none of the last ``pairs`` again."""
    known = lru_cache(pairs)(lambda query, row: _identity(query, references[row]))
    return lambda queries, rows_QK: _identities(queries, rows_QK, known)


def _identities(
    queries: Sequence[str], rows_QK: np.ndarray, align: Callable[[str, int], tuple[float, int]]
) -> Identities:
    pairs_QK2 = np.array(
        [
            [align(query, row) for row in rows]
            for query, rows in zip(queries, rows_QK.tolist(), strict=True)
        ]
    ).reshape(*rows_QK.shape, 2)
    return Identities(pairs_QK2[..., 0], pairs_QK2[..., 1].astype(np.int64))


def percent_identity(query: str, reference: str) -> float:
    """Return 100 * matching columns / columns of the overlap, including gaps within it.

    The shorter sequence is aligned to a part of the longer one (edlib's HW mode, unit costs). Bases
    that extend beyond an end of the longer one do not count, nor do columns with an N, which was
    not read. Returns 0 if nothing overlaps.

    >>> percent_identity("ACGTACGTAA", "TTACGTACGTAATT")
    100.0
    >>> percent_identity("ACGNNCCTAA", "TTACGTACGTAATT")
    87.5
    """
    return _identity(query, reference)[0]


def overlap(query: str, reference: str) -> tuple[str, str]:
    """Return both rows of the alignment of the overlap; ``-`` is a gap.

    >>> overlap("ACGTACGTAA", "TTACGTAGTAATT")
    ('ACGTACGTAA', 'ACGTA-GTAA')
    """
    shorter, longer = _by_length(query, reference)
    if not shorter:
        return "", ""
    rows = _rows(shorter, longer, _align(shorter, longer))
    one, other = (row.tobytes().decode("ascii") for row in rows)
    return (one, other) if shorter is query else (other, one)


def _identity(query: str, reference: str) -> tuple[float, int]:
    """Return the percent identity and the number of columns of the overlap."""
    shorter, longer = _by_length(query, reference)
    if not shorter:
        return 0.0, 0
    if shorter in longer and "N" not in longer:
        return 100.0, len(shorter)
    found = _align(shorter, longer)
    columns = found.steps.strip(_GAPS)
    if "N" in query or "N" in reference:
        one, other = _rows(shorter, longer, found)
        read = (one != ord("N")) & (other != ord("N"))
        columns = np.frombuffer(columns, np.uint8)[read].tobytes()
    return (100 * columns.count(MATCH) / len(columns) if columns else 0.0), len(columns)


def _by_length(query: str, reference: str) -> tuple[str, str]:
    return (query, reference) if len(query) <= len(reference) else (reference, query)


def _align(shorter: str, longer: str) -> EditPath:
    """Return edlib's alignment of two sequences that are not empty."""
    # Equalities make an alignment slower, and without ambiguity codes they change nothing.
    plain = not (shorter + longer).encode().translate(None, b"ACGT")
    return align(shorter, longer, () if plain else _EQUALITIES)


def _rows(shorter: str, longer: str, found: EditPath) -> tuple[np.ndarray, np.ndarray]:
    """Return both rows of the overlap, uint8; ``-`` is a gap."""
    steps = np.frombuffer(found.steps, np.uint8)
    inside = slice(len(steps) - len(found.steps.lstrip(_GAPS)), len(found.steps.rstrip(_GAPS)))
    one = _row(shorter, steps != DELETED)
    other = _row(longer[found.start :], steps != INSERTED)
    return one[inside], other[inside]


def _row(sequence: str, has_base: np.ndarray) -> np.ndarray:
    row = np.full(len(has_base), ord("-"), np.uint8)
    bases = np.frombuffer(sequence.encode("ascii"), np.uint8)
    row[has_base] = bases[: np.count_nonzero(has_base)]
    return row
