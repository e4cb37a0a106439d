"""Embed the distinct barcodes of an index, as far as their vectors are not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from os import PathLike

import numpy as np

from barcodeembed.bundles.scratch import TEMPORARY, Scratch
from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.kept import encode_kept
from barcodeembed.embedding.vector_maker import VectorMaker, encode_chunks
from barcodeembed.index.options import ProgressCallback, no_progress
from barcodeembed.vectors.whitening import Whitening, as_searched, default_width

_REFERENCES_PER_DIRECTION = 4
_MIN_WHITENED = 64

#: Vectors that are in memory at a time.
_AT_ONCE = 1 << 12


@dataclass(frozen=True, slots=True)
class KnownVectors:
    """Vectors from existing indexes: ``vectors`` by barcode, and the whitening applied to them."""

    vectors: Mapping[str, np.ndarray]
    whitening: Whitening | None = None


def embed_barcodes(
    barcodes: Sequence[str],
    embedder: VectorMaker,
    *,
    scratch: Scratch = TEMPORARY,
    known: KnownVectors | None = None,
    whiten: int | None = None,
    progress: ProgressCallback = no_progress,
    resume: str | PathLike[str] | None = None,
) -> tuple[np.ndarray, Whitening | None]:
    """Return the unit vectors of barcodes, float32 (N, D), and the whitening applied to them.

    Barcodes with a ``known`` vector are not embedded, and the others get the whitening of the
    known ones. Otherwise ``whiten`` is as in `BuildOptions`, and ``resume`` as in `build_index`.
    The vectors are on disk, mapped into memory.
    """
    if known is None:
        if resume is None:
            raw = _encode(embedder, barcodes, progress, scratch)
        else:
            raw = encode_kept(embedder, barcodes, progress, resume)
        whitening = _fit_whitening(raw, _width(embedder) if whiten is None else whiten)
        searched = _searched(raw, whitening)
        return scratch.store(searched, np.float32, _dimension(raw, whitening)), whitening
    new = [b for b in barcodes if b not in known.vectors]
    raw = _encode(embedder, new, progress, scratch)
    made = chain.from_iterable(_searched(raw, known.whitening))
    blocks = (barcodes[start : start + _AT_ONCE] for start in range(0, len(barcodes), _AT_ONCE))
    vectors = (
        np.array([known.vectors[b] if b in known.vectors else next(made) for b in block])
        for block in blocks
    )
    return scratch.store(vectors, np.float32, _dimension(raw, known.whitening)), known.whitening


def _encode(
    embedder: VectorMaker, barcodes: Sequence[str], progress: ProgressCallback, scratch: Scratch
) -> np.ndarray:
    """Return the vectors as the model pools them."""

    def chunks() -> Iterator[np.ndarray]:
        for end, made in encode_chunks(embedder, barcodes):
            yield made
            progress(end, len(barcodes))

    return scratch.store(chunks(), np.float32, embedder.dimension)


def _searched(raw: np.ndarray, whitening: Whitening | None) -> Iterator[np.ndarray]:
    for start in range(0, len(raw), _AT_ONCE):
        yield as_searched(raw[start : start + _AT_ONCE], whitening)


def _dimension(raw: np.ndarray, whitening: Whitening | None) -> int:
    """Return the dimension of the vectors that are searched."""
    return (whitening.directions if whitening else raw).shape[1]


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
