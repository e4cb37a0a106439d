"""The confidence from which a name is accepted."""

from __future__ import annotations

import numpy as np

from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.vocabulary import MIN_CONFIDENCE, MIN_CONFIDENCE_UNALIGNED


def confidence_thresholds(
    index: ReferenceIndex, min_confidence: float | None = None, max_error: float | None = None
) -> np.ndarray:
    """Return the confidence threshold of each rank, float64 (R,).

    ``min_confidence`` is one threshold for all ranks. ``max_error`` is the expected fraction of
    incorrect names among the accepted names of a rank; the index's calibration gives the threshold,
    infinity where no threshold achieves it. By default the threshold is 0.65, or 0.75 for an index
    without sequences.
    """
    if max_error is not None:
        return index.calibration.confidence_threshold(max_error)
    if min_confidence is None:
        unaligned = index.sequences is None
        min_confidence = MIN_CONFIDENCE_UNALIGNED if unaligned else MIN_CONFIDENCE
    return np.full(len(index.taxa.ranks), min_confidence)
