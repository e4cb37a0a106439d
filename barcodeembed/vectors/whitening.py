"""Whitening: principal directions of the references' vectors, scaled to unit variance.

Vectors of a language model fill a narrow cone; most of their cosine is what all barcodes share.
Removing the mean and evening out the variance lets the rest be seen (Su et al., arXiv
2103.15316).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.pca import principal_axes

#: A direction of less than this share of the greatest variance is rounding error.
_FLAT = 1e-10


def usual_width(pooling: str) -> int:
    """Return how many directions to keep of vectors that were pooled so, where nobody says.

    Read out by place they lie in no cone, and whitening costs names.
    """
    return 0 if pooling == "place" else 64


def as_searched(vectors: np.ndarray, whitening: Whitening | None) -> np.ndarray:
    """Return vectors of a model as an index has them: whitened if it is, and of unit length.

    NaN where there is no vector.
    """
    return normalise(whitening.apply(vectors) if whitening else vectors)


@dataclass(frozen=True, slots=True)
class Whitening:
    """An affine map: ``(x - mean) @ directions``; mean (D,), directions (D, W), float32."""

    mean: np.ndarray
    directions: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, width: int) -> Whitening:
        """Fit to vectors (N, D) and keep at most ``width`` directions.

        Directions of almost no variance are noise and are left out, as are those that fewer
        references than directions could determine.
        """
        mean = vectors.mean(0, dtype=np.float64)
        centred = vectors - mean
        variances, axes = principal_axes(centred.T @ centred / max(len(vectors) - 1, 1))
        told_apart = int((variances > _FLAT * max(variances[0], 1e-12)).sum())
        kept = max(1, min(width, told_apart, len(vectors) - 1))
        scale = 1 / np.sqrt(np.maximum(variances[:kept], 1e-12))
        return cls(mean.astype(np.float32), (axes[:, :kept] * scale).astype(np.float32))

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """Return the whitened vectors, float32 (N, W)."""
        return (vectors - self.mean) @ self.directions
