"""Sequences to vectors: the one method that embed, index, classify and evaluate share."""

from __future__ import annotations

from collections.abc import Sequence
from operator import length_hint
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from barcodeembed.embedding.inputs import Sequences, records_of
from barcodeembed.embedding.progress import Progress, reporting
from barcodeembed.embedding.streaming import EmbeddedBatch, embed_records
from barcodeembed.embedding.tokens import buckets, pad, tokenize
from barcodeembed.embedding.transformer import Transformer
from barcodeembed.embedding.vector_maker import NO_VECTOR
from barcodeembed.errors import InputError
from barcodeembed.model.tokenizer import UNKNOWN
from barcodeembed.vocabulary import MIN_BASES

if TYPE_CHECKING:
    from barcodeembed.model.bundle import ModelBundle
    from barcodeembed.model.encoder import Encoder


class Oriented(Protocol):
    """An index, as far as the orientation of sequences needs it."""

    @property
    def orientation(self) -> np.ndarray: ...


class Embedder(Transformer):
    """A model that turns DNA barcodes into vectors.

    `Embedder.load` opens a model; `embed` makes vectors. An embedder is also a scikit-learn
    transformer, whose ``transform`` is `embed`.

    Args:
        model: An open model bundle. `Embedder.load` takes a path instead.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``fp32``, ``bf16``, or ``auto`` for bf16 where the device is faster with it.
        offsets: Number of start offsets (0, 1, ...) at which a barcode is cut into k-mers; its
            vector is the mean over them. With k offsets the vector hardly depends on the base at
            which the barcode begins, at k times the cost. None stands for k, or for 1 if the model
            reads barcodes at their position in the marker.
        path: Path of the model bundle, if it has one.

    The method is the encoder of a masked autoencoder (BarcodeMAE, arXiv 2502.18405) or of another
    objective that the model was pretrained with, followed by pooling over the tokens.

    >>> import barcodeembed as be
    >>> embedder = be.Embedder.load()
    >>> embedder.dimension
    192
    >>> vectors = embedder.embed("ACGGATTCTAGCATTCAGGTACCATTAG" * 8)
    >>> vectors.shape, vectors.dtype
    ((1, 192), dtype('float32'))
    """

    # Every micro-batch of a length bucket has the same shape and is filled up with dummy rows, so
    # that a vector depends on its own sequence alone and not on the batch.

    def __init__(
        self,
        model: ModelBundle,
        *,
        device: str = "auto",
        precision: str = "fp32",
        offsets: int | None = 1,
        path: str | PathLike[str] | None = None,
    ) -> None:
        from barcodeembed.model.devices import choose_device, choose_precision, for_inference

        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        if offsets is None:
            offsets = model.encoder.config.k if model.encoder.anchor is None else 1
        self.offsets = offsets
        self.model = model
        self.path = Path(path) if path is not None else None
        # Not always an Encoder, but the same methods: weights may be packed for the processor.
        self.encoder = cast("Encoder", for_inference(model.encoder, self.device, self.precision))
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
        offsets: int | None = 1,
    ) -> Embedder:
        """Open a model bundle: the one at ``path``, or the COI model that ships with barcodeembed.

        ``verify`` checks the checksums of all files. The other options are those of the class.
        Raises BundleError if there is no such bundle or it is damaged, and InputError for options
        that this model or this machine does not support.
        """
        from barcodeembed.model.bundle import load_model
        from barcodeembed.shipped import shipped_model

        path = path or shipped_model()
        model = load_model(path, verify=verify)
        return cls(model, device=device, precision=precision, offsets=offsets, path=path)

    def __repr__(self) -> str:
        name = f"{self.path.name}, " if self.path else ""
        return (
            f"<Embedder: {name}{self.dimension} dimensions, up to {self.max_bases:,} bases, "
            f"device={self.device.type}, precision={self.precision}, offsets={self.offsets}>"
        )

    @property
    def fingerprint(self) -> str:
        """Identify the vectors: checksum of the model, precision and number of offsets.

        Only vectors with equal fingerprints can be compared. An index records the fingerprint of
        the embedder that made it.
        """
        return f"{self.model.fingerprint}:{self.precision}:{self.offsets}"

    @property
    def dimension(self) -> int:
        """The number D of values in a vector."""
        return self.model.config.dimension

    @property
    def max_bases(self) -> int:
        """The length in bases of the longest sequence that can be embedded."""
        return self.model.config.max_bases

    @property
    def settings(self) -> dict[str, str | int]:
        """The options of `load` that, with the model, make the same vectors again."""
        return {"precision": self.precision, "offsets": self.offsets}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options by name, as scikit-learn needs them to copy an embedder."""
        return {"device": self.device.type, "path": self.path, **self.settings}

    def embed(
        self,
        sequences: Sequences,
        *,
        orient: bool | Oriented = False,
        normalise: bool = True,
        min_bases: int = MIN_BASES,
        errors: str = "raise",
        progress: Progress = False,
    ) -> np.ndarray:
        """Return the vectors of sequences, float32 (n, D), one row per sequence, in order.

        Args:
            sequences: One sequence as text (the result has one row), a list of sequences, records
                (`SequenceRecord`, or Biopython's), or the path of a sequence file. A text of IUPAC
                letters and gaps is a sequence; another text is a path. Case does not matter, gaps
                are removed, and U is read as T.
            orient: Whether to reverse-complement sequences of the other strand first. False leaves
                every sequence as it is, so that a barcode and its reverse complement have different
                vectors. True compares 6-mers with those of the COI references that ship with
                barcodeembed. For another marker, give an index of that marker.
            normalise: Whether to scale vectors to unit length, so that the dot product of two
                vectors is their cosine similarity. False gives the vectors of `encode`.
            min_bases: Unambiguous bases that a sequence must have.
            errors: What to do if a sequence is too short, too long, or a simple repeat: ``raise``
                an InputError, or give it a row of ``nan``.
            progress: True for a counter on standard error, or a function of (done, total).

        Raises InputError for letters that cannot be part of DNA, for an unreadable file, and as
        ``errors`` says.

        >>> import barcodeembed as be
        >>> embedder = be.Embedder.load()
        >>> embedder.embed("hello world")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        barcodeembed.errors.InputError: 'hello world' is neither a DNA sequence nor...
        """
        if errors not in ("raise", "nan"):
            raise InputError(f"errors must be 'raise' or 'nan', not {errors!r}")
        total = 0 if isinstance(sequences, str | PathLike) else length_hint(sequences)
        parts = [np.empty((0, self.dimension), np.float32)]
        done = 0
        with reporting("embedding", progress) as report:
            for batch in embed_records(
                records_of(sequences),
                self,
                min_bases=min_bases,
                normalize=normalise,
                orientation=_orientation(orient),
            ):
                if errors == "raise":
                    self._refuse(batch, min_bases)
                parts.append(batch.vectors)
                done += len(batch.ids)
                report(done, total)
        return np.concatenate(parts)

    def _refuse(self, batch: EmbeddedBatch, min_bases: int) -> None:
        """Raise InputError if a record of the batch has no vector."""
        reasons = {
            "empty": "it has no bases",
            "too_long": f"it is longer than {self.max_bases:,} bases",
            "short": f"it has fewer than {min_bases:,} unambiguous bases",
            "low_information": "over half of its bases are ambiguous, or it is a simple repeat",
            NO_VECTOR: "the model has no vector for it",
        }
        for identifier, reason in zip(batch.ids, batch.refused, strict=True):
            if reason:
                raise InputError(
                    f"{identifier} cannot be embedded: {reasons[reason]}; leave it out, or use "
                    "errors='nan' to get a row of NaN"
                )

    def encode(self, sequences: Sequence[str]) -> np.ndarray:
        """Return the vectors of clean sequences as the model pools them, float32 (n, D), in order.

        This is what an index is built from and searched with. Use `embed` for your own sequences:
        `encode` neither checks nor cleans them and does not scale the vectors. A sequence is clean
        if it has upper-case IUPAC letters only. One without a whole token gets a row of NaN.
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
        lengths = [len(t) // merge for t in tokens]
        for rows, shape in buckets(lengths, max_tokens, self.device.type):
            batch, padded = pad(
                [tokens[row] for row in rows], [positions[row] for row in rows], shape, merge
            )
            batch[len(rows) :, 0] = UNKNOWN  # a dummy row must have something to attend to
            made = self.encoder.embed(
                torch.from_numpy(batch).to(self.device), torch.from_numpy(padded).to(self.device)
            )
            vectors[rows] = made[: len(rows)].cpu().numpy()
        return vectors


def _orientation(orient: bool | Oriented) -> np.ndarray | None:
    """Return the log-odds of 6-mers to orient sequences with, int32 (4096,), or None."""
    from barcodeembed.shipped import shipped_index

    if isinstance(orient, bool):
        return np.load(shipped_index() / "orientation.npy") if orient else None
    if not hasattr(orient, "orientation"):
        raise InputError(
            f"orient must be True, False or an index, not an object of type {type(orient).__name__}"
        )
    return orient.orientation
