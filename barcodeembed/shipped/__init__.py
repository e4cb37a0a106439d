"""The COI model and the taxon prototypes that come with the package, in bundles beside this file.

``coi.bix`` is an index bundle without a model of its own: it was made with ``coi.model``.
"""

from __future__ import annotations

from pathlib import Path

from barcodeembed.errors import BundleError

FOLDER = Path(__file__).parent


def shipped_model() -> Path:
    """Return where the COI model lies. Raises BundleError where it is missing."""
    return _find("coi.model", "the COI model that ships with barcodeembed")


def shipped_index() -> Path:
    """Return where the COI prototypes lie. Raises BundleError where they are missing."""
    return _find("coi.bix", "the COI prototypes that ship with barcodeembed")


def _find(name: str, what: str) -> Path:
    path = FOLDER / name
    if not path.is_dir():
        raise BundleError(
            f"{path}: missing; {what} should be there; install barcodeembed again, "
            "or give a bundle of your own"
        )
    return path
