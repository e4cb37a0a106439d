"""Find the COI model and the taxon prototypes that ship with the package.

The bundles are in the folder of this file. ``coi.bix`` is an index bundle without a copy of its
model; it was made with ``coi.model``. ``coi.decoys.npz`` has sketches of the COI of contaminants;
``benchmarks/decoys.py`` made them.
"""

from __future__ import annotations

from pathlib import Path

from barcodeembed.errors import BundleError

FOLDER = Path(__file__).parent


def shipped_model() -> Path:
    """Return the path of the COI model. Raises BundleError if it is missing."""
    return _find("coi.model", "the COI model that ships with barcodeembed")


def shipped_index() -> Path:
    """Return the path of the COI prototypes. Raises BundleError if they are missing."""
    return _find("coi.bix", "the COI prototypes that ship with barcodeembed")


def shipped_decoys() -> Path:
    """Return the path of the sketches of contaminants. Raises BundleError if they are missing."""
    return _find("coi.decoys.npz", "the sketches of contaminants that ship with barcodeembed")


def _find(name: str, description: str) -> Path:
    path = FOLDER / name
    if not path.exists():
        raise BundleError(
            f"{path}: {description} should be here but is missing; reinstall barcodeembed, "
            "or give another bundle"
        )
    return path
