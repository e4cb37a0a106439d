"""From clean sequences to what an encoder reads: k-mer tokens, positions, padded batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from barcodeembed.model.config import ModelConfig
from barcodeembed.model.tokenizer import PAD, UNKNOWN
from barcodeembed.model.window import whole_window
from barcodeembed.sequences.anchor import Anchor, gather_bases
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.vocabulary import BATCH_SIZE

#: Lengths are padded to a multiple of this many tokens, so that there are few different shapes. A
#: fragment of 130 bases can have as few as five tokens, but a GPU needs full batches.
_BUCKET = 4
_GPU_BUCKET = 16

#: Tokens of a micro-batch: enough to use two cores well, few enough to stay in the cache, and to
#: waste little in the last one. A GPU needs many more, but not more sequences than commands embed
#: at a time.
_MICRO_TOKENS = 1_024
_GPU_MICRO_TOKENS = 256 * _MICRO_TOKENS

#: Bases that are cut into tokens at a time.
_BASES_AT_ONCE = 100_000


def tokenize(
    sequences: Sequence[str], config: ModelConfig, anchor: Anchor | None
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the k-mers of each clean sequence that an encoder reads, and their positions.

    Both lists have one int64 array per sequence; the array is empty if there is no whole token.
    With an ``anchor`` the positions are those in the marker.
    """
    codes = [encode_bases(sequence) for sequence in sequences]
    tokens: list[np.ndarray] = [np.empty(0, np.int64)] * len(codes)
    positions = tokens.copy()
    for numbers in _of_similar_length(codes):
        lengths = np.array([len(codes[i]) for i in numbers], np.int64)
        joined = np.concatenate([codes[i] for i in numbers])
        rows = gather_bases(joined, lengths.cumsum() - lengths, lengths)
        columns = anchor.align(rows, lengths).expand(rows.shape[1]) if anchor else None
        window = whole_window(lengths, columns, config.k, config.merge, config.max_tokens)
        found = config.tokenizer.encode_at(
            rows.reshape(-1),
            np.arange(len(rows)) * rows.shape[1],
            window.starts_BTM,
            window.counts_B,
        )
        for row, i in enumerate(numbers):
            count = window.counts_B[row]
            kmers = found[row, : count * config.merge].reshape(count, config.merge)
            # A token in a run of N says nothing. An anchored model learned to do without tokens.
            read = (kmers != UNKNOWN).any(1) | (anchor is None)
            tokens[i] = kmers[read].reshape(-1)
            positions[i] = window.positions_BT[row, :count][read]
    return tokens, positions


def _of_similar_length(codes: Sequence[np.ndarray]) -> Iterator[list[int]]:
    """Yield the numbers of sequences of similar length, longest first; fewer if they are long."""
    order = sorted((i for i in range(len(codes)) if len(codes[i])), key=lambda i: -len(codes[i]))
    while order:
        count = max(1, _BASES_AT_ONCE // len(codes[order[0]]))
        yield order[:count]
        order = order[count:]


def pad(
    tokens: Sequence[np.ndarray],
    positions: Sequence[np.ndarray],
    shape: tuple[int, int],
    merge: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return one batch for the encoder from the results of `tokenize`: k-mers and positions.

    ``shape`` is the number of rows (at least the number of sequences) and of tokens. The arrays are
    int64, (rows, tokens * merge) and (rows, tokens).
    """
    batch = np.full((shape[0], shape[1] * merge), PAD, np.int64)
    padded = np.zeros(shape, np.int64)
    for row, found in enumerate(tokens):
        batch[row, : len(found)] = found
        padded[row, : len(positions[row])] = positions[row]
    return batch, padded


def buckets(
    lengths: Sequence[int], max_tokens: int, device: str = "cpu"
) -> Iterator[tuple[list[int], tuple[int, int]]]:
    """Yield the rows and the shape (rows, tokens) of micro-batches. Skip empty sequences.

    The rows are in order. The shape depends on the length and the kind of ``device`` alone, so
    that the vector of a sequence does not depend on the others. A width is not rounded up beyond
    ``max_tokens``, the last learned position.
    """
    gpu = device == "cuda"
    tokens, bucket = (_GPU_MICRO_TOKENS, _GPU_BUCKET) if gpu else (_MICRO_TOKENS, _BUCKET)
    rows_of: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        width = max(length, min(-(-length // bucket) * bucket, max_tokens))
        if width:
            rows_of.setdefault(width, []).append(row)
    for width in sorted(rows_of, reverse=True):
        size = min(max(1, tokens // width), BATCH_SIZE)
        rows = rows_of[width]
        for start in range(0, len(rows), size):
            yield rows[start : start + size], (size, width)
