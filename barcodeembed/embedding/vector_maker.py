"""What the other layers need of an embedder, so that k-mer counts can take its place in tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    for start in range(0, len(sequences), _CHUNK):
        chunk = sequences[start : start + _CHUNK]
        vectors[start : start + len(chunk)] = embedder.encode(chunk)
        progress(start + len(chunk), len(sequences))
    return vectors
