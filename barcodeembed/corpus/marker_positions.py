"""Locate the barcodes of a corpus in their marker, once per run, and cache the positions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from barcodeembed.bundles.files import replace_file
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.sequences.anchor import Anchor, MarkerPositions, learn_anchor

_AT_ONCE = 2_000

#: Barcodes whose positions by two anchors are compared.
_COMPARED = 500

#: Only this many bases at the beginning of a barcode are located.
_MAX_LOCATED = 2_000


def anchor_of(corpus: Corpus) -> tuple[Anchor, float]:
    """Fit an anchor to the training barcodes of a corpus.

    Also returns the fraction of held-out barcodes whose two halves are located consistently.
    """
    rows = corpus.train
    anchor = learn_anchor(corpus.codes, corpus.starts[rows], corpus.lengths[rows])
    return anchor, anchor.agreement(*_beginnings(corpus, corpus.held_out))


def located(
    corpus: Corpus,
    anchor: Anchor,
    path: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Corpus:
    """Return the corpus with the marker positions of every barcode.

    The positions are read from a file next to ``path``, or written there. Its name depends on the
    anchor and the corpus. ``progress`` is called with the number of barcodes done and in total.
    """
    tables = anchor.positions.tobytes() + anchor.weights.tobytes() + corpus.fingerprint.encode()
    path = path.with_name(f"{path.name}-{hashlib.sha256(tables).hexdigest()[:16]}.npz")
    count = len(corpus.lengths)
    if not path.exists():
        parts = []
        for start in range(0, count, _AT_ONCE):
            rows = np.arange(start, min(start + _AT_ONCE, count))
            parts.append(anchor.align(*_beginnings(corpus, rows)))
            progress(int(rows[-1]) + 1, count)
        with replace_file(path) as stream:
            columns: dict[str, Any] = MarkerPositions.join(parts).columns()
            np.savez(stream, **columns)
    with np.load(path) as arrays:
        return replace(corpus, marker_positions=MarkerPositions(**arrays))


def is_located_by(corpus: Corpus, anchor: Anchor) -> bool:
    """Say whether an anchor gives the first barcodes of a corpus the positions that they have."""
    rows = np.arange(min(_COMPARED, len(corpus.lengths)))
    given = corpus.marker_positions
    if given is None:
        return False
    found, wanted = anchor.align(*_beginnings(corpus, rows)).columns(), given.take(rows).columns()
    return all(np.array_equal(found[name], wanted[name]) for name in wanted)


def _beginnings(corpus: Corpus, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the base codes, uint8 (B, longest), and lengths of the parts to be located."""
    lengths = np.minimum(corpus.lengths[rows], _MAX_LOCATED)
    return corpus.bases_of(rows)[:, : lengths.max()], lengths
