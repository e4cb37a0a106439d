"""Pretraining objectives. Each has a module; a plan combines them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from barcodeembed.errors import TrainingError

if TYPE_CHECKING:
    from barcodeembed.objectives.base import Objective

#: Name on the command line, which is also the name of the module, and the class in the module.
OBJECTIVES = {
    "maelm": "MaskedAutoencoder",
    "mlm": "MaskedLanguageModel",
    "codes": "CodePrediction",
    "evolve": "Evolution",
    "pseudo": "PseudoLabels",
    "translate": "Translation",
    "clm": "CausalLanguageModel",
    "meap": "MaskedCausalModel",
    "rtd": "ReplacedTokenDetection",
    "courses": "Courses",
    "rts": "RandomSubstitution",
    "crts": "ClusteredSubstitution",
    "slm": "SwappedLanguageModel",
    "ngram": "NgramLanguageModel",
    "wced": "WholeBarcodeDecoder",
    "contrastive": "Contrast",
    "splade": "SparseContrast",
    "fragments": "Fragments",
    "taxonomy": "Taxonomy",
    "naming": "Naming",
    "supcon": "SupervisedContrast",
    "distill": "Distillation",
}


def objective_class(name: str) -> type[Objective]:
    """Import and return the class of an objective. Raises TrainingError for an unknown name."""
    if name not in OBJECTIVES:
        raise TrainingError(f"no objective {name!r}; choose from {', '.join(OBJECTIVES)}")
    return getattr(import_module(f"barcodeembed.objectives.{name}"), OBJECTIVES[name])
