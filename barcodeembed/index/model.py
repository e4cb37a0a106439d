"""Open an index together with the model that made it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from barcodeembed.bundles.manifest import read_manifest
from barcodeembed.errors import BundleError, IndexMismatch
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.compatibility import check_embedder
from barcodeembed.shipped import shipped_index, shipped_model, shipped_models

if TYPE_CHECKING:
    from barcodeembed.embedding.embedder import Embedder


def open_with_model(
    path: str | PathLike[str] | None = None,
    model: str | PathLike[str] | None = None,
    *,
    device: str = "auto",
    verify: bool = True,
) -> tuple[ReferenceIndex, Embedder]:
    """Open an index and the embedder that made it.

    Args:
        path: Index bundle; by default the COI prototypes that ship with barcodeembed.
        model: Model bundle; by default what `find_model` finds.
        device: Where the embedder runs: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        verify: Whether to check the checksums of all files.

    Raises BundleError, InputError, and IndexMismatch if the model did not make the index.
    """
    path = Path(path) if path is not None else shipped_index()
    index = ReferenceIndex.open(path, verify=verify)
    return index, load_embedder(index, model, path=path, device=device, verify=verify)


def load_embedder(
    index: ReferenceIndex,
    model: str | PathLike[str] | None = None,
    *,
    path: str | PathLike[str] = "the index",
    device: str = "auto",
    verify: bool = True,
) -> Embedder:
    """Load the embedder that made an open index. Arguments and errors as in `open_with_model`.

    Error messages call the index ``path``.
    """
    from barcodeembed.embedding.embedder import Embedder

    embedding = index.settings.embedding
    embedder = Embedder.load(
        find_model(index, model, path=path),
        device=device,
        verify=verify,
        precision=str(embedding.get("precision", "fp32")),
        offsets=int(embedding.get("offsets", 1)),
    )
    check_embedder(index, embedder)
    if embedder.dimension != index.dimension:
        raise BundleError(
            f"{path}: has vectors of width {index.dimension}, the model {embedder.dimension}"
        )
    return embedder


def find_model(
    index: ReferenceIndex,
    model: str | PathLike[str] | None = None,
    *,
    path: str | PathLike[str] = "the index",
) -> Path:
    """Return the path of the model bundle to use with an index.

    This is the given model, else the index's own copy, else the one that made it of the models that
    ship with barcodeembed. Only the last are compared with the index here. Raises IndexMismatch if
    the index was made with another one.
    """
    if model is not None:
        return Path(model)
    if index.model_path is not None:
        return index.model_path
    made_with = index.embedder_fingerprint.partition(":")[0]
    for shipped in shipped_models():
        if _fingerprint(shipped) == made_with:
            return shipped
    raise IndexMismatch(
        f"{path}: was made with model {made_with} and contains no copy of it; the COI model that "
        f"ships with barcodeembed is {_coi_fingerprint()}; give --model"
    )


def _coi_fingerprint() -> str:
    try:
        return _fingerprint(shipped_model()) or "missing"
    except BundleError:
        return "missing"


def _fingerprint(model: Path) -> str | None:
    """Return the fingerprint of a model bundle, or None if it cannot be read."""
    try:
        return read_manifest(model, "a model").get("fingerprint")
    except BundleError:
        return None
