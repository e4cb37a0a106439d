"""The arms of `claim.py`, and how each is trained.

All arms of a condition have the same shape of encoder, and with one seed the same initial weights,
the same barcodes in each batch and the same masks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch
from claim_data import Barcodes

from barcodeembed.model.config import PRESETS, ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.plan import Phase, resolve_settings
from barcodeembed.training.loop import Progress, Trainer
from barcodeembed.training.recipe import Recipe

#: The objective of each arm and its settings. Untrained encoders are not trained.
ARMS: dict[str, tuple[str, list[str]]] = {
    "maelm, masks in the encoder": ("maelm", ["encoder_masks=yes"]),
    "clm": ("clm", []),
    "mlm": ("mlm", []),
    "maelm": ("maelm", []),
    "untrained": ("maelm", []),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A shape of the encoder and how it is trained; ``steps`` is relative to the first."""

    model: ModelConfig
    learning_rate: float
    weight_decay: float
    rates: str
    steps: float = 1.0
    batch_size: int = 256
    masks: tuple[str, ...] = ("mask_ratio=0.5",)


CONDITIONS = {
    # The conditions of the paper: unanchored, post-norm, learned positions, k 6, mean pooling, half
    # of the tokens masked, one cycle, its weight decay. Smaller, without dropout, and with twice
    # its learning rate for each 64 barcodes of a batch, because the encoder is a third as wide.
    "paper": Condition(
        ModelConfig(
            k=6,
            width=256,
            layers=4,
            heads=4,
            feed_forward_width=1024,
            positions="learned",
            norm="post",
            pooling="mean",
            max_tokens=110,
        ),
        learning_rate=8e-4,
        weight_decay=1e-5,
        rates="onecycle",
    ),
    # The conditions of this tool: anchored, five k-mers per token, pooled by position.
    "aligned": Condition(
        PRESETS["aligned"].model,
        learning_rate=1e-3,
        weight_decay=0.05,
        rates="cosine",
        steps=0.5,
    ),
    # For trying the script.
    "toy": Condition(
        ModelConfig(
            k=4,
            width=32,
            layers=2,
            heads=2,
            feed_forward_width=64,
            positions="learned",
            norm="post",
            max_tokens=160,
        ),
        learning_rate=1e-3,
        weight_decay=1e-5,
        rates="onecycle",
        batch_size=32,
    ),
}

#: Reports of the training loss, and measurements of the held-out loss, in a run.
_REPORTS, _EVALUATIONS = 40, 10


class Unsaved(Trainer):
    """A run without checkpoints, which would take longer than what they could save."""

    def save(self) -> None:
        pass


def make_trainer(
    condition: str, arm: str, seed: int, steps: int, barcodes: Barcodes, place: Path, device: str
) -> Trainer:
    """Return a run at its start. ``place`` is the folder for its metrics."""
    made, (objective, settings) = CONDITIONS[condition], ARMS[arm]
    plan = (Phase(1.0, {objective: 1.0}),)
    masks = [] if objective == "clm" else list(made.masks)
    recipe = Recipe(
        made.model,
        plan,
        resolve_settings(plan, {}, [*masks, *settings]),
        steps,
        batch_size=made.batch_size,
        learning_rate=made.learning_rate,
        weight_decay=made.weight_decay,
        rates=made.rates,
        precision="bf16",
        max_bases=660,
        seed=seed,
    )
    torch.manual_seed(seed)
    encoder = Encoder(made.model)
    if made.model.anchored:
        encoder.set_anchor(barcodes.anchor)
    place.mkdir(parents=True, exist_ok=True)
    return Unsaved(
        recipe, barcodes.corpus_for(made.model), place, torch.device(device), encoder=encoder
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run did: one row of the curve has step, training loss and held-out loss or None."""

    encoder: Encoder
    complete: bool
    seconds: float
    curve: list[tuple[int, float, float | None]]


def train(trainer: Trainer, should_stop: Callable[[], bool]) -> Trained:
    """Train to the last step, or until ``should_stop``."""
    curve: list[tuple[int, float, float | None]] = []

    def report(progress: Progress) -> None:
        held_out = progress.held_out["loss"] if progress.held_out else None
        curve.append((progress.step, progress.metrics["loss"], held_out))

    steps = trainer.recipe.steps
    began = time.perf_counter()
    complete = trainer.run(
        report=report,
        should_stop=should_stop,
        report_every=max(1, steps // _REPORTS),
        evaluate_every=max(1, steps // _EVALUATIONS),
    )
    return Trained(trainer.encoder.eval(), complete, time.perf_counter() - began, curve)


def measure_speed(trainer: Trainer, steps: int) -> float:
    """Return barcodes per second, the median of a short run without its first quarter."""
    speeds: list[float] = []
    trainer.recipe = replace(trainer.recipe, steps=1_000_000)
    trainer.run(
        report=lambda progress: speeds.append(progress.metrics["sequences_per_second"]),
        until=steps,
        report_every=max(1, steps // 4),
        evaluate_every=1_000_000,
    )
    return median(speeds[1:])
