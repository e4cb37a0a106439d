"""Pretraining objectives: one file each, behind one protocol, combined by a plan."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from barcodeembed.errors import TrainingError

if TYPE_CHECKING:
    from barcodeembed.objectives.base import Objective

#: Name on the command line -> module of that name here, and the class in it.
OBJECTIVES = {
    "maelm": "MaskedAutoencoder",
    "mlm": "MaskedLanguageModel",
    "clm": "CausalLanguageModel",
    "meap": "MaskedCausalModel",
    "rtd": "ReplacedTokenDetection",
    "rts": "RandomSubstitution",
    "crts": "ClusteredSubstitution",
    "slm": "SwappedLanguageModel",
    "ngram": "NgramLanguageModel",
    "wced": "WholeBarcodeDecoder",
    "contrastive": "Contrast",
    "taxonomy": "Taxonomy",
    "supcon": "SupervisedContrast",
    "distill": "Distillation",
}


def objective_class(name: str) -> type[Objective]:
    """Import and return the class of an objective; raises TrainingError for an unknown name."""
    if name not in OBJECTIVES:
        raise TrainingError(f"no objective {name!r}; there are {', '.join(OBJECTIVES)}")
    return getattr(import_module(f"barcodeembed.objectives.{name}"), OBJECTIVES[name])
