"""Pretraining objectives: one file each, behind one protocol."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from barcodeembed.errors import TrainingError

if TYPE_CHECKING:
    from barcodeembed.objectives.base import Objective

#: Name on the command line -> module of that name here, and the class in it.
OBJECTIVES = {
    "maelm": "MaskedAutoencoder",
    "mlm": "MaskedLanguageModel",
    "clm": "CausalLanguageModel",
}


def objective_class(name: str) -> type[Objective]:
    """Import and return the class of an objective; raises TrainingError for an unknown name."""
    if name not in OBJECTIVES:
        raise TrainingError(f"no objective {name!r}; there are {', '.join(OBJECTIVES)}")
    return getattr(import_module(f"barcodeembed.objectives.{name}"), OBJECTIVES[name])


def resolve_options(name: str, defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return an objective's settings: those given, over a preset's, over its own defaults.

    A preset speaks to any objective and is heard where it applies; what the user gives must
    apply. Raises TrainingError otherwise.
    """
    known = {f.name: f.default for f in fields(objective_class(name).Options)}
    misplaced = given.keys() - known.keys()
    if misplaced:
        raise TrainingError(f"objective {name} has no setting {', '.join(sorted(misplaced))}")
    return known | {key: value for key, value in defaults.items() if key in known} | given
