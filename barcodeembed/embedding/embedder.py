"""Sequences to vectors: the one path that embed, index, classify and evaluate share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np

from barcodeembed.errors import InputError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.tokenizer import PAD, UNKNOWN
from barcodeembed.model.window import whole_window
from barcodeembed.sequences.anchor import Anchor, gather_bases
from barcodeembed.sequences.bases import encode_bases

#: Lengths are padded up to a multiple of this many tokens, so that few shapes occur.
_BUCKET = 16

#: Tokens of one micro-batch: enough to keep two cores busy, little enough to stay in cache.
_MICRO_TOKENS = 2_048

#: Bases that are cut into tokens at a time.
_BASES_AT_ONCE = 100_000

#: Flag of a sequence of which the model makes no finite, non-zero vector.
NO_VECTOR = "no_vector"

#: Sequences that are tokenized and embedded between two reports of progress.
_CHUNK = 2_048


class VectorMaker(Protocol):
    """What the index and the classifier need of whatever makes vectors."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_bases(self) -> int: ...

    @property
    def settings(self) -> dict[str, str | int]:
        """What `load_embedder` must be told, beside the model, to make these vectors again."""
        ...

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Return float32 (len(sequences), dimension); row i is sequence i's, whatever its mates."""
        ...


class Embedder:
    """A model at work on clean sequences.

    ``offsets`` is the number of start offsets (0, 1, ...) at which a barcode is cut into k-mers;
    its vector is the mean over them. With k of them the vector hardly depends on where the
    barcode happens to begin, at k times the cost.

    ``path`` is the model bundle, or None if the model was given as an object.

    Every micro-batch of a length bucket has one fixed shape, filled up with dummies, so that a
    vector depends on its own sequence alone and not on the batch that it came in.
    """

    def __init__(
        self, model, *, device: str = "auto", precision: str = "fp32", offsets: int = 1
    ) -> None:
        from barcodeembed.model.devices import choose_device, choose_precision, for_inference

        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.offsets = offsets
        self.model = model
        self.path: Path | None = None
        self.encoder = for_inference(model.encoder, self.device, self.precision)
        self.anchor = model.encoder.anchor
        if self.anchor is not None and offsets > 1:
            raise InputError(
                "--offsets: an anchored model cuts every barcode at its place in the "
                "marker; other offsets would be other tokens"
            )

    @classmethod
    def load(
        cls,
        path: str | PathLike[str] | None = None,
        *,
        device: str = "auto",
        verify: bool = True,
        precision: str = "fp32",
        offsets: int = 1,
    ) -> Embedder:
        """Open a model bundle, or the COI model that ships, for embedding.

        Raises BundleError, InputError.
        """
        from barcodeembed.model.bundle import load_model
        from barcodeembed.shipped import shipped_model

        bundle = shipped_model() if path is None else Path(path)
        model = load_model(bundle, verify=verify)
        embedder = cls(model, device=device, precision=precision, offsets=offsets)
        embedder.path = bundle
        return embedder

    @property
    def fingerprint(self) -> str:
        return f"{self.model.fingerprint}:{self.precision}:{self.offsets}"

    @property
    def dimension(self) -> int:
        return self.model.config.dimension

    @property
    def max_bases(self) -> int:
        return self.model.config.max_bases

    @property
    def settings(self) -> dict[str, str | int]:
        return {"precision": self.precision, "offsets": self.offsets}

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Return pooled vectors, float32 (n, dimension), of clean sequences, in the order given.

        NaN where a sequence has no whole token at one of the offsets.
        """
        import torch

        from barcodeembed.model.devices import autocast

        with torch.inference_mode(), autocast(self.device, self.precision):
            vectors = self._embed_from(0, sequences)
            for offset in range(1, self.offsets):
                vectors += self._embed_from(offset, sequences)
        return vectors / np.float32(self.offsets)

    def _embed_from(self, offset: int, sequences: Sequence[str]) -> np.ndarray:
        import torch

        vectors = np.full((len(sequences), self.dimension), np.nan, np.float32)
        merge, most = self.model.config.merge, self.model.config.max_tokens
        tokens, positions = tokenize(
            [sequence[offset:] for sequence in sequences], self.model.config, self.anchor
        )
        for rows, width in _buckets([len(t) // merge for t in tokens], most):
            count = max(1, _MICRO_TOKENS // width)
            batch, places = pad(
                [tokens[row] for row in rows],
                [positions[row] for row in rows],
                (count, width),
                merge,
            )
            batch[len(rows) :, 0] = UNKNOWN  # a dummy row must have something to attend to
            made = self.encoder.embed(
                torch.from_numpy(batch).to(self.device), torch.from_numpy(places).to(self.device)
            )
            vectors[rows] = made[: len(rows)].cpu().numpy()
        return vectors


def tokenize(
    sequences: Sequence[str], config: ModelConfig, anchor: Anchor | None
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the k-mers that an encoder reads of each clean sequence, and its tokens' positions."""
    codes = [encode_bases(sequence) for sequence in sequences]
    tokens: list[np.ndarray] = [np.empty(0, np.int64)] * len(codes)
    positions = tokens.copy()
    for numbers in _like_lengths(codes):
        lengths = np.array([len(codes[i]) for i in numbers], np.int64)
        joined = np.concatenate([codes[i] for i in numbers])
        rows = gather_bases(joined, lengths.cumsum() - lengths, lengths)
        places = anchor.align(rows, lengths).expand(rows.shape[1]) if anchor else None
        window = whole_window(lengths, places, config.k, config.merge, config.max_tokens)
        found = config.tokenizer.encode_at(
            rows.reshape(-1),
            np.arange(len(rows)) * rows.shape[1],
            window.starts_BTM,
            window.counts_B,
        )
        for row, i in enumerate(numbers):
            tokens[i] = found[row, : window.counts_B[row] * config.merge]
            positions[i] = window.positions_BT[row, : window.counts_B[row]]
    return tokens, positions


def _like_lengths(codes: Sequence[np.ndarray]) -> Iterator[list[int]]:
    """Yield the numbers of sequences of like length, longest first, few where they are long."""
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
    """Return what `tokenize` made as the encoder takes it: k-mers and positions of a batch.

    ``shape`` is the number of rows, as many as there are or more, and of tokens.
    """
    batch = np.full((shape[0], shape[1] * merge), PAD, np.int64)
    places = np.zeros(shape, np.int64)
    for row, found in enumerate(tokens):
        batch[row, : len(found)] = found
        places[row, : len(positions[row])] = positions[row]
    return batch, places


def embed_all(
    embedder: VectorMaker, sequences: Sequence[str], progress: Callable[[int, int], None]
) -> np.ndarray:
    """Embed many sequences in chunks, telling progress."""
    vectors = np.empty((len(sequences), embedder.dimension), np.float32)
    for start in range(0, len(sequences), _CHUNK):
        chunk = sequences[start : start + _CHUNK]
        vectors[start : start + len(chunk)] = embedder.embed(chunk)
        progress(start + len(chunk), len(sequences))
    return vectors


def _buckets(lengths: Sequence[int], most: int) -> Iterator[tuple[list[int], int]]:
    """Yield (rows, padded width) of micro-batches: rows of one bucket, in order; none if empty.

    A width is not rounded up past ``most``, where learned positions end.
    """
    buckets: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        width = max(length, min(-(-length // _BUCKET) * _BUCKET, most))
        if width:
            buckets.setdefault(width, []).append(row)
    for width in sorted(buckets, reverse=True):
        size = max(1, _MICRO_TOKENS // width)
        rows = buckets[width]
        for start in range(0, len(rows), size):
            yield rows[start : start + size], width
