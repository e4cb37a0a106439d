"""The columns of a large table of a bundle: cells become text only when they are read.

The table stays on disk, mapped into memory, so that millions of rows cost only the positions of
their cells, and processes share them.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np

#: Bytes that are searched for the ends of cells at a time.
_AT_ONCE = 1 << 24

_TAB, _NEWLINE, _ZERO = b"\t\n0"

#: Digits of a number that certainly fits into 64 bits.
_MAX_DIGITS = 18


class Column(Sequence[str]):
    """The cells of a column.

    ``content`` are the bytes of the table, and ``starts`` and ``ends``, int64 (rows,), the
    positions of the cells.
    """

    def __init__(self, content: mmap.mmap, starts: np.ndarray, ends: np.ndarray) -> None:
        self._content, self._starts, self._ends = content, starts, ends

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> list[str]: ...

    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        return self._content[int(self._starts[row]) : int(self._ends[row])].decode()

    def __iter__(self) -> Iterator[str]:
        for start, end in zip(self._starts.tolist(), self._ends.tolist(), strict=True):
            yield self._content[start:end].decode()

    def numbers(self) -> np.ndarray:
        """Return the cells as whole numbers, int64. Raises ValueError if one is anything else."""
        values, lengths = np.zeros(len(self), np.int64), self._ends - self._starts
        if len(self) and not (0 < lengths.min() and lengths.max() <= _MAX_DIGITS):
            raise ValueError("a cell is not a whole number")
        content = np.frombuffer(self._content, np.uint8)
        for place in range(lengths.max(initial=0)):
            rows = np.flatnonzero(lengths > place)
            digits = content[self._starts[rows] + place] - np.uint8(_ZERO)
            if (digits > 9).any():
                raise ValueError("a cell is not a whole number")
            values[rows] = values[rows] * 10 + digits
        return values

    def equals(self, text: str) -> np.ndarray:
        """Return which cells are this text, bool (rows,)."""
        wanted, content = text.encode(), np.frombuffer(self._content, np.uint8)
        same = self._ends - self._starts == len(wanted)
        for place, byte in enumerate(wanted):
            rows = np.flatnonzero(same)
            same[rows] = content[self._starts[rows] + place] == byte
        return same


class OptionalColumn(Sequence[str | None]):
    """The cells of a column, where one text stands for None."""

    def __init__(self, column: Column, missing: str) -> None:
        self._column, self._missing = column, missing

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, row: int) -> str | None: ...

    @overload
    def __getitem__(self, row: slice) -> list[str | None]: ...

    def __getitem__(self, row: int | slice) -> str | None | list[str | None]:
        if isinstance(row, slice):
            return [self._given(cell) for cell in self._column[row]]
        return self._given(self._column[row])

    def __iter__(self) -> Iterator[str | None]:
        return map(self._given, self._column)

    def _given(self, cell: str) -> str | None:
        return None if cell == self._missing else cell


def read_columns(path: Path) -> dict[str, Column]:
    """Return the columns of a table that `write_table` wrote, by name; it is not compressed.

    Raises ValueError if the table is damaged.
    """
    with open(path, "rb") as stream:
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    found, ends = np.frombuffer(content, np.uint8), []
    for start in range(0, len(found), _AT_ONCE):
        part = found[start : start + _AT_ONCE]
        if (part > 127).any():
            content[:].decode()  # raises an error here, not when a cell is read
        ends.append(np.flatnonzero((part == _TAB) | (part == _NEWLINE)) + start)
    ends_C = np.concatenate(ends)
    header = content[: content.find(b"\n")].decode().split("\t")
    if len(ends_C) % len(header) or ends_C[-1] != len(content) - 1:
        raise ValueError("has rows of another length than its header")
    ends_RC = ends_C.reshape(-1, len(header))
    if (found[ends_RC[:, -1]] != _NEWLINE).any() or (found[ends_RC[:, :-1]] != _TAB).any():
        raise ValueError("has rows of another length than its header")
    starts_RC = np.append(0, ends_C[:-1] + 1).reshape(ends_RC.shape)
    return {
        name: Column(content, np.array(starts_RC[1:, i]), np.array(ends_RC[1:, i]))
        for i, name in enumerate(header)
    }
