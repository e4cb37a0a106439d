"""The places of a corpus' barcodes in their marker, found once for a run and kept beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from barcodeembed.bundles.files import replace_file
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.sequences.anchor import Anchor, MarkerPositions, learn_anchor

_AT_ONCE = 2_000

#: Of a barcode longer than this only the beginning is located.
_LONGEST = 2_000


def anchor_of(corpus: Corpus) -> tuple[Anchor, float]:
    """Learn where the barcodes of a corpus lie; return with it how far halves of the rest agree."""
    rows = corpus.train
    anchor = learn_anchor(corpus.codes, corpus.starts[rows], corpus.lengths[rows])
    return anchor, anchor.agreement(*_beginnings(corpus, corpus.held_out))


def located(
    corpus: Corpus,
    anchor: Anchor,
    path: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Corpus:
    """Return the corpus with the place of every barcode, read from ``path`` if they are there."""
    tables = anchor.positions.tobytes() + anchor.weights.tobytes() + corpus.fingerprint.encode()
    path = path.with_name(f"{path.name}-{hashlib.sha256(tables).hexdigest()[:16]}.npz")
    count = len(corpus.lengths)
    if not path.exists():
        found = []
        for start in range(0, count, _AT_ONCE):
            rows = np.arange(start, min(start + _AT_ONCE, count))
            found.append(anchor.align(*_beginnings(corpus, rows)))
            progress(int(rows[-1]) + 1, count)
        with replace_file(path) as stream:
            np.savez(stream, **MarkerPositions.join(found).columns())
    with np.load(path) as kept:
        return replace(corpus, marker_positions=MarkerPositions(**kept))


def _beginnings(corpus: Corpus, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return base codes, uint8 (B, longest), and lengths, as far as barcodes are located."""
    lengths = np.minimum(corpus.lengths[rows], _LONGEST)
    return corpus.bases_of(rows)[:, : lengths.max()], lengths
