"""Search once for queries with the same bases: most reads of an amplicon are repeats.

What a search finds depends on the bases of a query alone. Only the steps that depend on the record,
such as its error rate, are repeated for each query.

Shapes: Q queries, D dimensions.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

import numpy as np

from barcodeembed.scoring.features import Neighbours
from barcodeembed.scoring.identity import Identities

Value = TypeVar("Value")

#: Number of results that are kept for later batches: about 40 MB for 192 dimensions.
REMEMBERED = 10_000

#: Number of new results after which free memory is returned to the system.
_NEW = 64


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found for queries.

    ``vectors`` are float32 (Q, D), zero where the model has no vector, which ``finite`` (Q,) says.
    ``chimeras`` (Q,) are likely chimeras, and ``decoys`` has the contaminant of each query, its
    number among `known_decoys`.
    """

    vectors: np.ndarray
    finite: np.ndarray
    neighbours: Neighbours
    chimeras: np.ndarray
    decoys: list[int | None]

    def split(self) -> list[Found]:
        """Return the result of each query alone."""
        return [
            Found(
                self.vectors[i : i + 1].copy(),
                self.finite[i : i + 1].copy(),
                _one(self.neighbours, i),
                self.chimeras[i : i + 1].copy(),
                self.decoys[i : i + 1],
            )
            for i in range(len(self.vectors))
        ]

    @classmethod
    def join(cls, parts: Sequence[Found]) -> Found:
        """Return the results of several searches as one, in order."""
        return cls(
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.finite for part in parts]),
            Neighbours.join([part.neighbours for part in parts], np.arange(len(parts))),
            np.concatenate([part.chimeras for part in parts]),
            [decoy for part in parts for decoy in part.decoys],
        )


class Repeats(Generic[Value]):
    """Remembers what was computed from sequences, so that only what is new is computed.

    The values of the ``most`` sequences that were used last are kept.

    >>> lengths = Repeats()
    >>> lengths.of(["ACG", "T", "ACG"], lambda new: [len(sequence) for sequence in new])
    [3, 1, 3]
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._known: dict[str, Value] = {}
        self._new = 0

    def of(
        self, sequences: Sequence[str], make: Callable[[list[str]], Iterable[Value]]
    ) -> list[Value]:
        """Return the value of each sequence, in order.

        ``make`` returns a value for each of several new sequences, from its own sequence alone.
        """
        distinct = list(dict.fromkeys(sequences))
        new = [sequence for sequence in distinct if sequence not in self._known]
        made = dict(zip(new, make(new), strict=True)) if new else {}
        # A dict keeps its order, so the sequences that were used last are at its end.
        values = {s: made[s] if s in made else self._known.pop(s) for s in distinct}
        self._known |= values
        for sequence in list(self._known)[: max(len(self._known) - self._most, 0)]:
            del self._known[sequence]
        self._new += len(new)
        if self._new >= _NEW:
            self._new = 0
            return_free_memory()
        return [values[sequence] for sequence in sequences]

    def forget(self) -> None:
        """Forget all values."""
        self._known.clear()


def return_free_memory() -> None:
    """Return free memory to the system, where the C library (glibc) would keep it.

    It grows a block of memory to make room for the large arrays of a search. The small results that
    are kept lie behind them, so that without this the block never shrinks and each search adds to
    it.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
        if trim:
            trim(0)


def _one(neighbours: Neighbours, i: int) -> Neighbours:
    """Return a copy of the neighbours of one query: a view would keep those of all in memory."""
    values = {}
    for field in fields(neighbours):
        value = getattr(neighbours, field.name)
        if isinstance(value, Identities):
            value = Identities(*(array[i : i + 1].copy() for array in value))
        elif value is not None:
            value = value[i : i + 1].copy()
        values[field.name] = value
    return Neighbours(**values)
