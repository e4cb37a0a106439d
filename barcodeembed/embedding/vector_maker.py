"""What the other layers need of an embedder, so that k-mer counts can take its place in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

#: Flag of a sequence for which the model has no finite, non-zero vector.
NO_VECTOR = "no_vector"

#: Sequences that are encoded between two reports of progress.
_CHUNK = 2_048


class VectorMaker(Protocol):
    """Anything that makes vectors of clean sequences."""

    @property
    def fingerprint(self) -> str:
        """Identify the vectors: equal fingerprints, equal vectors."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_bases(self) -> int:
        """The length of the longest sequence that can be encoded."""
        ...

    @property
    def settings(self) -> dict[str, str | int]:
        """The options of `Embedder.load` that, with the model, make the same vectors again."""
        ...

    def encode(self, sequences: Sequence[str]) -> np.ndarray:
        """Return float32 (len(sequences), dimension), as pooled by the model.

        Row i depends on sequence i alone, not on the other sequences.
        """
        ...


def encode_all(
    embedder: VectorMaker, sequences: Sequence[str], progress: Callable[[int, int], None]
) -> np.ndarray:
    """Encode many clean sequences in chunks; call ``progress(done, total)`` after each chunk.

    Returns float32 (len(sequences), dimension).
    """
    vectors = np.empty((len(sequences), embedder.dimension), np.float32)
    for end, made in encode_chunks(embedder, sequences):
        vectors[end - len(made) : end] = made
        progress(end, len(sequences))
    return vectors


def encode_chunks(
    embedder: VectorMaker, sequences: Sequence[str], start: int = 0
) -> Iterator[tuple[int, np.ndarray]]:
    """Encode clean sequences from ``start`` on; yield the end of each chunk, and its vectors."""
    for first in range(start, len(sequences), _CHUNK):
        chunk = sequences[first : first + _CHUNK]
        yield first + len(chunk), embedder.encode(chunk)
