"""An encoder in training, with the objectives that teach it."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives import objective_class
from barcodeembed.objectives.base import Inputs
from barcodeembed.objectives.plan import Plan, Settings


class Pretraining(nn.Module):
    """The encoder and everything that is learnt beside it, phase after phase."""

    def __init__(self, encoder: Encoder, plan: Plan, settings: Settings, corpus: Corpus) -> None:
        super().__init__()
        self.encoder, self.plan = encoder, plan
        self.objectives = nn.ModuleDict()
        for name, options in settings.items():
            kind = objective_class(name)
            if encoder.config.merge > 1 and not kind.merges:
                raise TrainingError(
                    f"{name} predicts single k-mers and cannot train a model that merges them"
                )
            self.objectives[name] = kind(encoder.config, kind.Options(**options), corpus)

    def prepare(self, phase: int, batch: Batch, rng: np.random.Generator) -> dict[str, Inputs]:
        """Return what each objective of the phase makes of the batch, by its name."""
        names = self.plan[phase].weights
        return {name: self.objectives[name].prepare(batch, rng) for name in names}

    def forward(self, phase: int, inputs: dict[str, Inputs]) -> dict[str, Tensor]:
        """Return the weighted sum of the losses as ``loss``, and what each objective reports.

        Of several objectives each metric bears its objective's name; a lone one's do not.
        """
        weights = self.plan[phase].weights
        found = {name: self.objectives[name](self.encoder, inputs[name]) for name in weights}
        if len(found) == 1:
            ((name, metrics),) = found.items()
            return metrics | {"loss": weights[name] * metrics["loss"]}
        named = {
            f"{name}_{key}": value
            for name, metrics in found.items()
            for key, value in metrics.items()
        }
        return {"loss": sum(weights[name] * found[name]["loss"] for name in found), **named}
