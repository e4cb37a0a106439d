"""Scale the rows of an array to unit length."""

from __future__ import annotations

import numpy as np


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Scale rows to unit length, float32. A row that is zero or not finite becomes NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
        return (vectors / np.where(norms > 0, norms, np.nan)[:, None]).astype(np.float32)
