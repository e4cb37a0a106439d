"""The module that pretraining optimises: an encoder with its objectives."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives import objective_class
from barcodeembed.objectives.base import Inputs, Objective
from barcodeembed.objectives.plan import Plan, Settings


class Pretraining(nn.Module):
    """An encoder, and the objectives of all phases with their own parameters."""

    def __init__(self, encoder: Encoder, plan: Plan, settings: Settings, corpus: Corpus) -> None:
        super().__init__()
        self.encoder, self.plan = encoder, plan
        self.objectives = nn.ModuleDict()
        for name, options in settings.items():
            kind = objective_class(name)
            if encoder.config.merge > 1 and not kind.merges:
                raise TrainingError(
                    f"{name} predicts single k-mers and cannot train a model that merges k-mers"
                )
            self.objectives[name] = kind(encoder.config, kind.Options(**options), corpus)

    def advance(self, progress: float) -> None:
        """Give all objectives the fraction of the run that is done."""
        for name in self.objectives:
            self._objective(name).progress = progress

    def prepare(self, phase: int, batch: Batch, rng: np.random.Generator) -> dict[str, Inputs]:
        """Return the inputs of each objective of the phase for a batch, by name."""
        names = self.plan[phase].weights
        return {name: self._objective(name).prepare(batch, rng) for name in names}

    def forward(self, phase: int, inputs: dict[str, Inputs]) -> dict[str, Tensor]:
        """Return the weighted sum of the losses as ``loss``, and the metrics of each objective.

        If there are several objectives, names of metrics begin with the name of the objective.
        """
        weights = self.plan[phase].weights
        metrics_of = {name: self.objectives[name](self.encoder, inputs[name]) for name in weights}
        if len(metrics_of) == 1:
            ((name, metrics),) = metrics_of.items()
            return metrics | {"loss": weights[name] * metrics["loss"]}
        named = {
            f"{name}_{key}": value
            for name, metrics in metrics_of.items()
            for key, value in metrics.items()
        }
        loss = sum(weights[name] * metrics["loss"] for name, metrics in metrics_of.items())
        return {"loss": loss, **named}

    def _objective(self, name: str) -> Objective:
        objective = self.objectives[name]
        assert isinstance(objective, Objective)
        return objective
