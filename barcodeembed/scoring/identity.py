"""Percent identity of a query and a reference, from an alignment of their overlap (edlib)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from barcodeembed.scoring.edit_paths import EditPath, align

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

_OPERATION = re.compile(r"(\d+)([=XID])")
_DELETED = re.compile(r"(\d+)D")
_GAPS = re.compile(r"(?:\d+[ID])*")


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
    align = cache(lambda query, row: _identity(query, references[row]))
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
    shorter, longer = sorted((query, reference), key=len)
    if not shorter:
        return "", ""
    one, other = _rows(shorter, longer, *_columns(_align(shorter, longer)))
    return (one, other) if shorter is query else (other, one)


def _rows(
    shorter: str, longer: str, columns: list[tuple[int, str]], i: int, j: int
) -> tuple[str, str]:
    """Return both rows of an alignment; ``columns``, ``i`` and ``j`` are those of `_columns`."""
    rows: tuple[list[str], list[str]] = ([], [])
    for n, operation in columns:
        rows[0].append("-" * n if operation == "D" else shorter[i : i + n])
        rows[1].append("-" * n if operation == "I" else longer[j : j + n])
        i += n * (operation != "D")
        j += n * (operation != "I")
    return "".join(rows[0]), "".join(rows[1])


def _identity(query: str, reference: str) -> tuple[float, int]:
    """Return the percent identity and the number of columns of the overlap."""
    shorter, longer = sorted((query, reference), key=len)
    if not shorter:
        return 0.0, 0
    if shorter in longer and "N" not in longer:
        return 100.0, len(shorter)
    found = _align(shorter, longer)
    if "N" in query or "N" in reference:
        columns, *begin = _columns(found)
        pairs = zip(*_rows(shorter, longer, columns, *begin), strict=True)
        operations = "".join(operation * n for n, operation in columns)
        read = [o for o, pair in zip(operations, pairs, strict=True) if "N" not in pair]
        length, matches = len(read), read.count("=")
    else:  # each column that is no match costs 1
        count = len(shorter) + sum(map(int, _DELETED.findall(found.cigar)))
        matches = count - found.distance
        length = count - _outside(found.cigar)
    return (100 * matches / length if length else 0.0), length


def _align(shorter: str, longer: str) -> EditPath:
    """Return edlib's alignment of two sequences that are not empty."""
    # Equalities make an alignment slower, and without ambiguity codes they change nothing.
    plain = not (shorter + longer).encode().translate(None, b"ACGT")
    return align(shorter, longer, () if plain else _EQUALITIES)


def _outside(cigar: str) -> int:
    """Return the number of columns before the first and after the last pair of bases."""
    begin = _GAPS.match(cigar)
    assert begin  # it can be empty
    last = max(cigar.rfind("="), cigar.rfind("X"))
    gaps = begin[0] + (cigar[last + 1 :] if last > 0 else "")
    return sum(int(n) for n, _ in _OPERATION.findall(gaps))


def _columns(found: EditPath) -> tuple[list[tuple[int, str]], int, int]:
    """Return the columns of the overlap, as runs, and its start in each sequence."""
    columns = [(int(n), operation) for n, operation in _OPERATION.findall(found.cigar)]
    begin = {"I": 0, "D": found.start}
    while columns and columns[0][1] in "ID":
        n, operation = columns.pop(0)
        begin[operation] += n
    while columns and columns[-1][1] in "ID":
        columns.pop()
    return columns, begin["I"], begin["D"]
