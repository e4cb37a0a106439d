"""Vectors that wait until an output is complete: those of an unfinished run, and those of shards.

Shapes: n records, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from barcodeembed.embedding.streaming import EmbeddedBatch
from barcodeembed.embedding.vector_files import LABELS, labels
from barcodeembed.embedding.vector_maker import NO_VECTOR
from barcodeembed.errors import InputError
from barcodeembed.sequences.shards import Shard, join_tables
from barcodeembed.vocabulary import BATCH_SIZE, NA

#: The files of an unfinished run: float32 rows, and the lines of the labels.
STORED = ("vectors", "labels")


def store(batch: EmbeddedBatch, streams: dict[str, IO[bytes]]) -> None:
    """Append a batch to the files of an unfinished run."""
    streams["vectors"].write(batch.vectors.astype("<f4").tobytes())
    for cells in labels(batch):
        streams["labels"].write(("\t".join(map(str, cells)) + "\n").encode())


def read_stored(folder: Path, dimension: int, size: int) -> Iterator[EmbeddedBatch]:
    """Yield the batches, of ``size`` records, that `store` wrote to a folder."""
    with (
        open(folder / "vectors", "rb") as vectors,
        open(folder / "labels", encoding="utf-8", newline="\n") as lines,
    ):

        def take(start: int, stop: int) -> np.ndarray:
            read = vectors.read((stop - start) * dimension * 4)
            return np.frombuffer(read, "<f4").reshape(stop - start, dimension)

        yield from _batches(lines, take, size)


def open_shards(shards: Sequence[tuple[str, Shard]]) -> tuple[int, Iterator[EmbeddedBatch]]:
    """Return the dimension of the vectors of ``.npy`` shards, and the batches of the whole input.

    Raises InputError if the arrays do not fit.
    """
    arrays = [_load(path) for path, _ in shards]
    for (path, shard), array in zip(shards, arrays, strict=True):
        if array.shape != (shard.records, arrays[0].shape[1]):
            raise InputError(f"has the shape {array.shape}; run this shard again", path)
    dimension = arrays[0].shape[1]

    def take(start: int, stop: int) -> np.ndarray:
        taken = np.empty((stop - start, dimension), np.float32)
        for number, array in enumerate(arrays):
            first = (number - start) % len(arrays)
            rows = taken[first :: len(arrays)]
            begin = (start + first) // len(arrays)
            rows[:] = array[begin : begin + len(rows)]
        return taken

    lines = join_tables([(f"{path}{LABELS}", shard) for path, shard in shards])
    return dimension, _batches(islice(lines, 1, None), take, BATCH_SIZE)


def _load(path: str) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"cannot be read as vectors: {error}", path) from None


def _batches(
    lines: Iterable[str], take: Callable[[int, int], np.ndarray], size: int
) -> Iterator[EmbeddedBatch]:
    """Yield batches of labels and of the vectors that ``take(start, stop)`` returns."""
    lines, start = iter(lines), 0
    while chunk := list(islice(lines, size)):
        rows = [line.rstrip("\n").split("\t") for line in chunk]
        vectors = take(start, start + len(rows))
        found = np.isfinite(vectors).all(1).tolist()
        yield EmbeddedBatch(
            [identifier for identifier, _, _ in rows],
            [int(length) for _, length, _ in rows],
            [() if flags == NA else tuple(flags.split(";")) for _, _, flags in rows],
            [None if finite else NO_VECTOR for finite in found],
            vectors,
        )
        start += len(rows)
