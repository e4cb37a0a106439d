"""Which model answers for an index: the one given, its own copy, or the one that ships."""

from __future__ import annotations

from pathlib import Path

from barcodeembed.bundles.manifest import read_manifest
from barcodeembed.errors import BundleError, IndexMismatch
from barcodeembed.index.bundle import MODEL, ReferenceIndex
from barcodeembed.shipped import shipped_model


def model_of(path: Path, index: ReferenceIndex, given: Path | None) -> Path:
    """Return the model bundle that embeds the queries of an index opened from ``path``.

    The model given is returned unseen, as is the index's own copy: the classifier compares their
    fingerprints. Raises IndexMismatch where there is neither, and the index was not made with the
    model that ships.
    """
    if given is not None:
        return given
    if (path / MODEL).is_dir():
        return path / MODEL
    made_with = index.embedder_fingerprint.partition(":")[0]
    try:
        shipped = shipped_model()
        fingerprint = read_manifest(shipped, "a model").get("fingerprint")
    except BundleError:
        fingerprint = "missing"
    if fingerprint != made_with:
        raise IndexMismatch(
            f"{path}: was made with model {made_with} and holds no copy of it; the one that ships "
            f"with barcodeembed is {fingerprint}; give --model"
        )
    return shipped
