"""The stretch of a read that is of the marker, and what finds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from barcodeembed.sequences.cleaning import reverse_complement


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a read that is of the marker.

    ``bases`` are in the orientation of the marker. A run of N in them has the length of the bases
    that are missing. ``start`` and ``end`` are on the read as given: the part is
    ``read[start:end]``, or the reverse complement of it if ``strand`` is ``-``.
    """

    bases: str
    strand: str
    start: int
    end: int

    def whole(self, read: str) -> Stretch:
        """Return the whole read, in the orientation that was found."""
        bases = read if self.strand == "+" else reverse_complement(read)
        return Stretch(bases, self.strand, 0, len(read))


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a read on one strand. ``places`` are the bases of the read, -1 for inserted N."""

    bases: str
    strand: str
    places: np.ndarray

    @classmethod
    def of(cls, read: str, sense: str) -> Window:
        places = np.arange(len(read))
        if sense == "+":
            return cls(read, sense, places)
        return cls(reverse_complement(read), sense, places[::-1])

    def other_strand(self) -> Window:
        sense = "-" if self.strand == "+" else "+"
        return Window(reverse_complement(self.bases), sense, self.places[::-1])

    def part(self, first: int, last: int) -> Window:
        return Window(self.bases[first:last], self.strand, self.places[first:last])

    def stretch(self) -> Stretch:
        read = self.places[self.places >= 0]
        return Stretch(self.bases, self.strand, int(read.min()), int(read.max()) + 1)


class Locator(Protocol):
    """Finds the barcode in each of several clean reads.

    ``length`` is the usual length of a barcode.
    """

    @property
    def length(self) -> int: ...

    def locate(self, reads: Sequence[str]) -> list[Stretch | None]:
        """Return the barcode of each read; None for one in which none is found."""

    def score(self, read: str) -> float:
        """Return the score of the best stretch of a read; 1 is the lowest of a barcode."""
