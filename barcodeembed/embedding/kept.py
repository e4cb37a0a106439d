"""Vectors that are kept on disk while they are made, so that an interrupted run can go on."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np

from barcodeembed import __version__
from barcodeembed.bundles.partial import folder_of, open_partial
from barcodeembed.embedding.vector_maker import VectorMaker, encode_chunks
from barcodeembed.errors import OutputError

_VECTORS = "vectors"


def encode_kept(
    embedder: VectorMaker,
    sequences: Sequence[str],
    progress: Callable[[int, int], None],
    output: str | PathLike[str],
) -> np.ndarray:
    """Do what `encode_all` does, and keep the vectors in the folder ``OUTPUT.part``.

    They are mapped into memory. Vectors that an interrupted run kept there are not made again.
    Raises OutputError if they are of other sequences or of another model, or if another process
    writes them.
    """
    width = embedder.dimension
    with open_partial(output, _identity(embedder, sequences), [_VECTORS]) as partial:
        path, done = partial.folder / _VECTORS, partial.state.get("done", 0)
        if path.stat().st_size != 4 * done * width:
            raise OutputError(f"{partial.folder}: damaged; delete it to start again")
        for end, made in encode_chunks(embedder, sequences, done):
            partial.streams[_VECTORS].write(made.astype(np.float32).tobytes())
            partial.commit({"done": end})
            progress(end, len(sequences))
        return np.asarray(np.memmap(path, np.float32, "r", shape=(len(sequences), width)))


def remove_kept(output: str | PathLike[str]) -> None:
    """Delete the vectors that were kept for an output, which is complete now."""
    shutil.rmtree(folder_of(output))


def has_kept(output: str | PathLike[str]) -> bool:
    """Return whether an interrupted run has kept vectors for an output."""
    return folder_of(output).exists()


def _identity(embedder: VectorMaker, sequences: Sequence[str]) -> dict[str, str]:
    """Return what the vectors depend on."""
    digest = hashlib.sha256()
    for bases in sequences:
        digest.update(f"{bases}\n".encode())
    return {
        "version": __version__,
        "model": embedder.fingerprint,
        "input": digest.hexdigest(),
    }
