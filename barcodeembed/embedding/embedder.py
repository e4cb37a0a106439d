"""Sequences to vectors: the one method that embed, index, classify and evaluate share."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from barcodeembed.embedding.tokens import MICRO_TOKENS, buckets, pad, tokenize
from barcodeembed.errors import InputError
from barcodeembed.model.tokenizer import UNKNOWN

if TYPE_CHECKING:
    from barcodeembed.model.bundle import ModelBundle


class Embedder:
    """A model that makes vectors of sequences.

    ``offsets`` is the number of start offsets (0, 1, ...) at which a barcode is cut into k-mers;
    its vector is the mean over them. With k offsets the vector hardly depends on the base at which
    the barcode begins, at k times the cost.

    Every micro-batch of a length bucket has the same shape and is filled up with dummy rows, so
    that a vector depends on its own sequence alone and not on the batch.
    """

    def __init__(
        self,
        model: ModelBundle,
        *,
        device: str = "auto",
        precision: str = "fp32",
        offsets: int = 1,
        path: str | PathLike[str] | None = None,
    ) -> None:
        from barcodeembed.model.devices import choose_device, choose_precision, for_inference

        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.offsets = offsets
        self.model = model
        self.path = Path(path) if path is not None else None
        self.encoder = for_inference(model.encoder, self.device, self.precision)
        self.anchor = model.encoder.anchor
        if self.anchor is not None and offsets > 1:
            raise InputError(
                "--offsets: an anchored model cuts every barcode at its position in the "
                "marker; other offsets would give other tokens"
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

        path = path or shipped_model()
        model = load_model(path, verify=verify)
        return cls(model, device=device, precision=precision, offsets=offsets, path=path)

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

    def encode(self, sequences: Sequence[str]) -> np.ndarray:
        """Return pooled vectors, float32 (n, dimension), of clean sequences, in the order given.

        NaN where a sequence has no whole token at one of the offsets.
        """
        import torch

        from barcodeembed.model.devices import autocast

        with torch.inference_mode(), autocast(self.device, self.precision):
            vectors = self._encode_from(0, sequences)
            for offset in range(1, self.offsets):
                vectors += self._encode_from(offset, sequences)
        return vectors / np.float32(self.offsets)

    def _encode_from(self, offset: int, sequences: Sequence[str]) -> np.ndarray:
        import torch

        vectors = np.full((len(sequences), self.dimension), np.nan, np.float32)
        merge, max_tokens = self.model.config.merge, self.model.config.max_tokens
        tokens, positions = tokenize(
            [sequence[offset:] for sequence in sequences], self.model.config, self.anchor
        )
        for rows, width in buckets([len(t) // merge for t in tokens], max_tokens):
            count = max(1, MICRO_TOKENS // width)
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
