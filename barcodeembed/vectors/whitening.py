"""Whitening: principal directions of the reference vectors, scaled to unit variance.

The vectors of a language model are in a narrow cone; most of their cosine is common to all
barcodes. Subtracting the mean and scaling the variance makes the differences visible (Su et al.,
arXiv 2103.15316).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.pca import principal_axes

#: A direction with less than this fraction of the largest variance is rounding error.
_FLAT = 1e-10


def default_width(pooling: str) -> int:
    """Return the default number of directions to keep, for the pooling of the model.

    Vectors pooled by position are not in a cone, and whitening makes their names worse.
    """
    return 0 if pooling == "place" else 64


def as_searched(vectors: np.ndarray, whitening: Whitening | None) -> np.ndarray:
    """Return vectors of a model as they are in an index: whitened if it is, and of unit length.

    A row without a vector is NaN.
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

        Directions with almost no variance are noise and are left out. No more directions are kept
        than the number of vectors can determine.
        """
        mean = vectors.mean(0, dtype=np.float64)
        centred = vectors - mean
        variances, axes = principal_axes(centred.T @ centred / max(len(vectors) - 1, 1))
        varying = int((variances > _FLAT * max(variances[0], 1e-12)).sum())
        kept = max(1, min(width, varying, len(vectors) - 1))
        scale = 1 / np.sqrt(np.maximum(variances[:kept], 1e-12))
        return cls(mean.astype(np.float32), (axes[:, :kept] * scale).astype(np.float32))

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """Return the whitened vectors, float32 (N, W).

        The product is computed in double precision: in single precision its last bits depend on
        the number of vectors.
        """
        centred = vectors.astype(np.float64) - self.mean
        return (centred @ self.directions.astype(np.float64)).astype(np.float32)
