"""Clean and embed a stream of records in batches. Each record has one result, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from barcodeembed.embedding.vector_maker import NO_VECTOR, VectorMaker
from barcodeembed.sequences.cleaning import clean, reverse_complement
from barcodeembed.sequences.orientation import strand
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vocabulary import BATCH_SIZE, MIN_BASES


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """Records and their vectors, float32 (n, D).

    ``lengths`` are in bases. ``refused`` has the flag that explains why a record has no vector, or
    None. The vector of a refused record is NaN.
    """

    ids: list[str]
    lengths: list[int]
    flags: list[tuple[str, ...]]
    refused: list[str | None]
    vectors: np.ndarray


def embed_records(
    records: Iterable[SequenceRecord],
    embedder: VectorMaker,
    *,
    batch_size: int = BATCH_SIZE,
    min_bases: int = MIN_BASES,
    normalize: bool = False,
    orientation: np.ndarray | None = None,
) -> Iterator[EmbeddedBatch]:
    """Clean and embed records, ``batch_size`` at a time, in order.

    ``normalize`` scales the vectors to unit length. With ``orientation``, the log-odds of
    `learn_orientation`, sequences of the other strand are reverse-complemented first.
    """
    records = iter(records)
    while batch := list(islice(records, batch_size)):
        barcodes = [
            clean(record, min_bases=min_bases, max_bases=embedder.max_bases) for record in batch
        ]
        usable = [i for i, barcode in enumerate(barcodes) if barcode.unclassifiable is None]
        vectors = np.full((len(batch), embedder.dimension), np.nan, np.float32)
        made = embedder.encode([_oriented(barcodes[i].bases, orientation) for i in usable])
        vectors[usable] = normalise(made) if normalize else made
        flags = [barcode.flags for barcode in barcodes]
        refused = [barcode.unclassifiable for barcode in barcodes]
        for i in np.flatnonzero(~np.isfinite(vectors).all(1)):
            if refused[i] is None:
                refused[i], flags[i] = NO_VECTOR, (*flags[i], NO_VECTOR)
        yield EmbeddedBatch(
            [record.id for record in batch],
            [len(barcode.bases) for barcode in barcodes],
            flags,
            refused,
            vectors,
        )


def _oriented(bases: str, orientation: np.ndarray | None) -> str:
    if orientation is None or strand(bases, orientation) == "+":
        return bases
    return reverse_complement(bases)
