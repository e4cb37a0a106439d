"""Embed the distinct barcodes of an index, as far as their vectors are not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.kept import encode_kept
from barcodeembed.embedding.vector_maker import VectorMaker, encode_all
from barcodeembed.index.options import ProgressCallback, no_progress
from barcodeembed.vectors.whitening import Whitening, as_searched, default_width

_REFERENCES_PER_DIRECTION = 4
_MIN_WHITENED = 64


@dataclass(frozen=True, slots=True)
class KnownVectors:
    """Vectors from existing indexes: ``vectors`` by barcode, and the whitening applied to them."""

    vectors: Mapping[str, np.ndarray]
    whitening: Whitening | None = None


def embed_barcodes(
    barcodes: Sequence[str],
    embedder: VectorMaker,
    *,
    known: KnownVectors | None = None,
    whiten: int | None = None,
    progress: ProgressCallback = no_progress,
    resume: str | PathLike[str] | None = None,
) -> tuple[np.ndarray, Whitening | None]:
    """Return the unit vectors of barcodes, float32 (N, D), and the whitening applied to them.

    Barcodes with a ``known`` vector are not embedded, and the others get the whitening of the
    known ones. Otherwise ``whiten`` is as in `BuildOptions`, and ``resume`` as in `build_index`.
    """
    if known is None:
        if resume is None:
            raw = encode_all(embedder, barcodes, progress)
        else:
            raw = encode_kept(embedder, barcodes, progress, resume)
        whitening = _fit_whitening(raw, _width(embedder) if whiten is None else whiten)
        return as_searched(raw, whitening), whitening
    raw = encode_all(embedder, [b for b in barcodes if b not in known.vectors], progress)
    made = iter(as_searched(raw, known.whitening))
    vectors = [known.vectors[b] if b in known.vectors else next(made) for b in barcodes]
    return np.array(vectors), known.whitening


def _width(embedder: VectorMaker) -> int:
    return default_width(embedder.model.config.pooling) if isinstance(embedder, Embedder) else 0


def _fit_whitening(vectors: np.ndarray, width: int) -> Whitening | None:
    """Fit a whitening of at most ``width`` directions; None if there are too few vectors.

    If there are few references per direction, each reference is far from the others along a
    direction of its own. A query of another phylum would then be as similar to it as one of the
    same family.
    """
    if not width or len(vectors) < _MIN_WHITENED:
        return None
    return Whitening.fit(vectors, min(width, len(vectors) // _REFERENCES_PER_DIRECTION))
