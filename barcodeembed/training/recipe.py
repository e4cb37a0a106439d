"""The choices that determine a run, and how a run becomes longer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.objectives.plan import Plan, Settings, phase_at
from barcodeembed.training.rates import decay_begins, momentum_at, rate_at

#: The first momentum of AdamW, if it is constant.
_MOMENTUM = 0.9

#: What a run that is lengthened may change.
LENGTH = {"steps", "planned", "restarted"}

#: Choices that are left out of the description of a run where they have no effect.
_RARE = {"planned", "restarted", "decay_all", "offsets_below_k"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """All choices that affect the weights of a run, except the corpus.

    ``steps`` is the number of optimizer steps, each on ``batch_size`` barcodes, computed as
    ``accumulate`` micro-batches. ``rates`` names the schedule of the learning rate (see rates.py);
    ``warmup`` and ``decay`` are fractions of the steps, ``decay_to`` is the fraction of
    ``learning_rate`` at the end. ``cycle_momentum`` varies the first momentum of AdamW with
    ``onecycle``; ``beta2`` is the second one. ``clip`` is the maximum norm of the gradient, 0 for
    none. ``average`` is the decay per step of the running average of the
    encoder's weights that becomes the model, 0 for none. ``compile`` compiles the blocks with
    torch. ``max_bases`` is the longest fragment of a barcode that is read. ``same_taxon`` is
    (label, n): n barcodes of one taxon are put together in a batch. ``decay_all`` applies weight
    decay to norms and biases, too, and with ``offsets_below_k`` a barcode is read from one of its
    first k bases, both as in BarcodeMAE. A run that was lengthened has the steps that it was first
    ``planned`` for, and the step at which its learning rate ``restarted`` (see `lengthened`); 0
    otherwise.
    """

    model: ModelConfig
    plan: Plan
    settings: Settings
    steps: int
    batch_size: int = 64
    accumulate: int = 1
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    rates: str = "cosine"
    warmup: float = 0.05
    decay: float = 0.2
    decay_to: float = 0.01
    beta2: float = 0.98
    cycle_momentum: bool = False
    clip: float = 1.0
    average: float = 0.0
    precision: str = "fp32"
    compile: bool = False
    max_bases: int = 720
    same_taxon: tuple[str, int] | None = None
    decay_all: bool = False
    offsets_below_k: bool = False
    seed: int = 0
    init: str | None = None
    planned: int = 0
    restarted: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the choices as JSON values, without those of few runs that were not made."""
        values = {**asdict(self), "model": self.model.to_json()}
        return {name: value for name, value in values.items() if value or name not in _RARE}

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        # A lengthened wsd run has warmed up already, over a fraction of the steps first planned.
        constant = self.rates == "wsd" and self.planned
        fraction = rate_at(
            self.rates,
            step - self.restarted,
            self.steps - self.restarted,
            warmup=self.warmup * self.planned / self.steps if constant else self.warmup,
            decay=self.decay,
            decay_to=self.decay_to,
        )
        return self.learning_rate * fraction

    def momentum(self, step: int) -> float:
        """Return the first momentum of AdamW at a step, counted from 0."""
        if not self.cycle_momentum:
            return _MOMENTUM
        return momentum_at(step - self.restarted, self.steps - self.restarted)

    def phase(self, step: int) -> int:
        """Return the number of the phase that a step is in: added steps are in the last one."""
        return phase_at(self.plan, step, self.planned or self.steps)

    def progress(self, step: int) -> float:
        """Return the fraction of the planned steps that is done."""
        return min(1.0, step / (self.planned or self.steps))

    @property
    def decay_begins(self) -> int | None:
        """The step before which a ``wsd`` run can be lengthened as if planned for more steps."""
        return decay_begins(self.steps, self.decay) if self.rates == "wsd" else None

    @property
    def lengthening(self) -> str | None:
        """What happens to the learning rate of a lengthened run, in words."""
        if not self.planned:
            return None
        if self.rates == "wsd":
            text = "it continues from before the decay of the learning rate, which now begins at"
            return f"planned for {self.planned:,} steps: {text} step {self.decay_begins:,}"
        return (
            f"lengthened after step {self.restarted:,}: the learning rate rises to "
            f"{self.learning_rate:g} again and falls until step {self.steps:,}"
        )


def lengthened(recipe: Recipe, path: Path, state: dict[str, Any]) -> Recipe:
    """Return the recipe with which a run continues from a checkpoint of as many or fewer steps.

    The rate of ``wsd`` is constant until it decays, so that the added steps go on with it: the
    checkpoint must be from before the decay (arXiv 2404.06395). The other schedules have no such
    part. With them a run must be finished, and the rate of the added steps is that of a new run
    (a warm restart, arXiv 1608.03983). Objectives with phases do not return to an earlier phase.
    Raises TrainingError if the run is not finished.
    """
    old = state["run"]
    planned, restarted = old.get("planned", 0), old.get("restarted", 0)
    if old["steps"] < recipe.steps:
        planned = planned or old["steps"]
        if recipe.rates != "wsd":
            if state["step"] < old["steps"]:
                raise TrainingError(
                    f"{path}: the run to resume differs: steps {old['steps']} -> {recipe.steps}; "
                    f"with --rates {recipe.rates} only a finished run can be lengthened"
                )
            restarted = old["steps"]
    return replace(recipe, planned=planned, restarted=restarted)
