"""Find the models and the taxon prototypes that ship with the package.

The bundles are in the folder of this file. ``coi.bix`` is an index bundle without a copy of its
model; it was made with ``coi.model``. The other markers have such a pair, too, or share a
model with another one. ``markers.npz`` has the table from which the marker of a read is guessed
(``benchmarks/marker_odds.py`` made it), and ``coi.decoys.npz`` sketches of the COI of contaminants
(``benchmarks/decoys.py``).
"""

from __future__ import annotations

from pathlib import Path

from barcodeembed.errors import BundleError
from barcodeembed.vocabulary import COI, MARKERS

FOLDER = Path(__file__).parent

#: Markers that are used with the model of another one.
_MODELS = {"12S": "ITS2", "ITS": "ITS2", "ITS1": "ITS2"}


def shipped_model(marker: str = COI) -> Path:
    """Return the path of the model of a marker. Raises BundleError if it is missing."""
    name = _MODELS.get(marker, marker)
    return _find(f"{name.lower()}.model", f"the {name} model that ships with barcodeembed")


def shipped_index(marker: str = COI) -> Path:
    """Return the path of the prototypes of a marker. Raises BundleError if they are missing."""
    return _find(f"{marker.lower()}.bix", f"the {marker} prototypes that ship with barcodeembed")


def shipped_models() -> list[Path]:
    """Return the paths of the models that are there, that of COI first."""
    return [path for path in (FOLDER / f"{m.lower()}.model" for m in MARKERS) if path.exists()]


def shipped_odds() -> Path:
    """Return the path of the table of markers. Raises BundleError if it is missing."""
    return _find("markers.npz", "the table of markers that ships with barcodeembed")


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
