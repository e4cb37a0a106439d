"""The confidence from which a name is accepted."""

from __future__ import annotations

import numpy as np

from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.vocabulary import MIN_CONFIDENCE


def confidence_thresholds(
    index: ReferenceIndex, min_confidence: float | None = None, max_error: float | None = None
) -> np.ndarray:
    """Return the confidence threshold of each rank, float64 (R,).

    ``min_confidence`` is one threshold for all ranks. ``max_error`` is the expected fraction of
    incorrect names among the accepted names of a rank; the index's calibration gives the threshold,
    infinity where no threshold achieves it. By default the threshold is 0.75.
    """
    if max_error is not None:
        return index.calibration.confidence_threshold(max_error)
    return np.full(
        len(index.taxa.ranks), MIN_CONFIDENCE if min_confidence is None else min_confidence
    )
