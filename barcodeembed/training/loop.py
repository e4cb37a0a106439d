"""The pretraining loop: batches, objectives, AdamW, checkpoints and metrics."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from barcodeembed.bundles.files import open_output, output_errors
from barcodeembed.corpus.batches import Batches
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.errors import TrainingError
from barcodeembed.model.devices import autocast
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import Stack
from barcodeembed.objectives.pretraining import Pretraining
from barcodeembed.training.checkpoint import (
    delete_checkpoints,
    delete_old_checkpoints,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from barcodeembed.training.distributed import Processes
from barcodeembed.training.feed import Parts, loaders_of, prefetched, to_device
from barcodeembed.training.metrics import StepMetrics
from barcodeembed.training.rates import decay_begins
from barcodeembed.training.recipe import LENGTH, Recipe, lengthened
from barcodeembed.training.work import flops_of, peak_of

METRICS = "metrics.jsonl"

#: Variants of the blocks that torch compiles.
_MAX_COMPILED = 64


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step did: ``metrics`` are means since the last report, ``held_out`` where measured."""

    step: int
    steps: int
    metrics: dict[str, float]
    held_out: dict[str, float] | None = None


class Trainer:
    """One pretraining run, resumable at any checkpoint of its ``directory``."""

    def __init__(
        self,
        recipe: Recipe,
        corpus: Corpus,
        directory: Path,
        device: torch.device,
        processes: Processes | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        """Prepare a run. An anchored encoder needs its anchor, and the corpus marker positions.

        Raises TrainingError if either is missing.
        """
        if recipe.model.anchored and (
            corpus.marker_positions is None or not (encoder and encoder.anchor)
        ):
            raise TrainingError("an anchored model needs a corpus with marker positions")
        self.recipe, self.corpus, self.directory = recipe, corpus, directory
        self.device, self.processes = device, processes or Processes()
        torch.manual_seed(recipe.seed)
        encoder = encoder or Encoder(recipe.model)
        self.pretraining = Pretraining(encoder, recipe.plan, recipe.settings, corpus).to(device)
        self.averaged = copy.deepcopy(self.pretraining.encoder) if recipe.average else None
        self.optimizer = _optimizer(self.pretraining, recipe)
        if recipe.compile:
            _compile(self.pretraining)
        self.step = 0
        self._flops: dict[int, int] = {}  # of a step, by phase
        tokenizer = recipe.model.tokenizer
        self.batches = Batches(
            corpus,
            tokenizer,
            size=recipe.batch_size,
            parts=recipe.accumulate * self.processes.count,
            max_tokens=min(recipe.model.max_tokens, recipe.max_bases // recipe.model.token_bases),
            seed=recipe.seed,
            merge=recipe.model.merge,
            same_taxon=recipe.same_taxon,
            offsets_below_k=recipe.offsets_below_k,
        )

    @property
    def encoder(self) -> Encoder:
        """The encoder that becomes the model: the running average, if the recipe has one."""
        return self.averaged or self.pretraining.encoder

    def resume(self) -> bool:
        """Continue from the newest undamaged checkpoint; False if there is none.

        A run of fewer steps is lengthened (`lengthened` says how). Raises TrainingError if that run
        had another recipe or another corpus, or cannot be lengthened.
        """
        found = newest = latest_checkpoint(self.directory)
        if found is None or newest is None:
            return False
        self._check_same_run(*found)
        if found[1]["run"]["steps"] < self.recipe.steps and self.recipe.rates == "wsd":
            found = self._before_decay(found[1]["run"]["steps"])
        path, state = found
        self.recipe = lengthened(self.recipe, path, state)
        load_checkpoint(path, self.pretraining, self.optimizer, self.averaged)
        self.step = state["step"]
        if path != newest[0]:
            self.processes.wait()
            if self.processes.first:
                delete_checkpoints(self.directory, after=self.step)
        return True

    def _check_same_run(self, path: Path, state: dict[str, Any]) -> None:
        """Raise TrainingError if a checkpoint is of another run, apart from its length."""
        mine, theirs = json.loads(json.dumps(self._identity())), state["run"]
        names = (mine.keys() | theirs.keys()) - LENGTH
        changed = sorted(name for name in names if mine.get(name) != theirs.get(name))
        if theirs["steps"] > mine["steps"]:
            changed.append("steps")
        if changed:
            changes = ", ".join(f"{key} {theirs.get(key)} -> {mine.get(key)}" for key in changed)
            raise TrainingError(f"{path}: the run to resume differs: {changes}")

    def _before_decay(self, steps: int) -> tuple[Path, dict[str, Any]]:
        """Return the newest checkpoint from before the decay of a run of so many steps."""
        last = decay_begins(steps, self.recipe.decay)
        found = latest_checkpoint(self.directory, until=last)
        if found is None:
            raise TrainingError(
                f"{self.directory}: no checkpoint from before step {last:,}, at which the learning "
                "rate began to decay, so this run cannot be lengthened; start another run from "
                "its model with --init"
            )
        return found

    def run(
        self,
        *,
        report: Callable[[Progress], None] = lambda progress: None,
        should_stop: Callable[[], bool] = lambda: False,
        until: int | None = None,
        report_every: int = 10,
        evaluate_every: int = 200,
        checkpoint_every: int = 500,
    ) -> bool:
        """Train up to ``until`` or the last step; True if the run is complete.

        Stops after a step if ``should_stop`` returns True in any process. A checkpoint of the last
        step is always written. Raises TrainingError at a loss or gradient that is not finite, at
        the next report or before the next checkpoint; the last good checkpoint is kept.
        """
        last = min(until or self.recipe.steps, self.recipe.steps)
        self._trim_metrics()
        model = self._distribute()
        recent = StepMetrics(self.processes)
        began, counted, saved = time.perf_counter(), 0, self.step
        # Closing the generator ends its thread, whatever ended the loop.
        steps = range(self.step, last)
        with closing(prefetched(self.prepare, steps, self._loaders())) as batches:
            for inputs in batches:
                recent.add(self.step + 1, self.learn(model, inputs))
                self.step += 1
                counted += 1
                stop = self.processes.any(should_stop())
                end = self.step == last or stop
                evaluate = self.step % evaluate_every == 0 or self.step == self.recipe.steps
                reports = self.step % report_every == 0 or evaluate or end
                due = self.step - saved >= checkpoint_every
                saves = end or due or self.step == self.recipe.decay_begins
                if reports or saves:
                    self._check(recent)
                if reports:
                    speed = self._speed(counted, time.perf_counter() - began, inputs)
                    means = recent.means() | speed
                    held_out = self.evaluate() if evaluate else None
                    self._record(Progress(self.step, self.recipe.steps, means, held_out), report)
                    began, counted = time.perf_counter(), 0
                if saves:
                    self.save()
                    saved = self.step
                if stop:
                    break
        return self.step == self.recipe.steps

    def _check(self, recent: StepMetrics) -> None:
        """Raise TrainingError if a metric of the steps since the last check is not finite."""
        for step, metrics in recent.read():
            if not all(map(math.isfinite, metrics.values())):
                kept = latest_checkpoint(self.directory) if self.processes.first else None
                where = (
                    f"the last good checkpoint is {kept[0]}" if kept else "no checkpoint was made"
                )
                raise TrainingError(
                    f"step {step}: the loss is {metrics['loss']}, the gradient's norm "
                    f"{metrics['gradient_norm']}; {where}; try a lower --learning-rate"
                )

    def _speed(self, steps: int, seconds: float, parts: Parts) -> dict[str, float]:
        """Return the learning rate and the speed since the last report."""
        speed = {
            "learning_rate": self.recipe.rate(self.step - 1),
            "sequences_per_second": steps * self.batches.size / seconds,
        }
        if peak := peak_of(self.device, self.recipe.precision):
            phase = self.recipe.phase(self.step - 1)
            if phase not in self._flops:
                self._flops[phase] = flops_of(self.pretraining, phase, parts)
            rate = self._flops[phase] * steps / seconds
            speed |= {"tflop_per_second": rate / 1e12, "utilisation": rate / peak}
        return speed

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Return the average metrics of the held-out barcodes, always with the same mask."""
        self.pretraining.eval()
        phase = self.recipe.phase(max(self.step - 1, 0))
        totals: dict[str, float] = {}
        rows = self.corpus.held_out[np.argsort(self.corpus.lengths[self.corpus.held_out])]
        for start in range(0, len(rows), self.recipe.batch_size):
            batch = self.batches.whole(rows[start : start + self.recipe.batch_size])
            inputs = self.pretraining.prepare(phase, batch, np.random.default_rng((0, start)))
            with autocast(self.device, self.recipe.precision):
                metrics = self.pretraining(phase, to_device(inputs, self.device))
            for name, value in metrics.items():
                totals[name] = totals.get(name, 0.0) + float(value) * len(batch.rows)
        self.pretraining.train()
        return {name: total / len(rows) for name, total in totals.items()}

    def save(self) -> None:
        if self.processes.first:
            state = {"run": self._identity()}
            save_checkpoint(
                self.directory, self.step, self.pretraining, self.optimizer, state, self.averaged
            )
            delete_old_checkpoints(self.directory, keep=self.recipe.decay_begins)
        self.processes.wait()

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a run to be resumed. Processes and accumulation count together."""
        recipe = self.recipe.to_json()
        recipe["parts"] = self.batches.parts
        del recipe["accumulate"]
        return {**recipe, "corpus": self.corpus.fingerprint}

    def _distribute(self) -> torch.nn.Module:
        self.pretraining.train()
        if self.processes.count == 1:
            return self.pretraining
        devices = [self.processes.local_rank] if self.device.type == "cuda" else None
        # Weights that another phase trains, or of a rank without labels in a micro-batch, have no
        # gradient.
        return DistributedDataParallel(
            self.pretraining, device_ids=devices, find_unused_parameters=True
        )

    def _loaders(self) -> int:
        return loaders_of(self.device, self.processes.count)

    def prepare(self, step: int) -> Parts:
        """Return the micro-batches of a step that this process computes, with their numbers."""
        parts = range(self.processes.rank, self.batches.parts, self.processes.count)
        return [
            (
                part,
                self.pretraining.prepare(
                    self.recipe.phase(step),
                    self.batches.batch(step, part),
                    self.batches.mask_generator(step, part),
                ),
            )
            for part in parts
        ]

    def learn(self, model: torch.nn.Module, parts: Parts) -> dict[str, torch.Tensor]:
        """Take one optimizer step on micro-batches of `prepare`; return this process's metrics.

        Nothing in a step waits for the device. The caller checks that the metrics are finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.step)
            group["betas"] = (self.recipe.momentum(self.step), self.recipe.beta2)
        self.pretraining.advance(self.recipe.progress(self.step))
        self.optimizer.zero_grad(set_to_none=True)
        sums: dict[str, torch.Tensor] = {}
        phase = self.recipe.phase(self.step)
        for number, (part, inputs) in enumerate(parts, 1):
            # The only seed of dropout. It needs no saved state and does not depend on the split.
            torch.manual_seed(_dropout_seed(self.recipe.seed, self.step, part))
            if isinstance(model, DistributedDataParallel):
                model.require_backward_grad_sync = number == len(parts)
            with autocast(self.device, self.recipe.precision):
                metrics = model(phase, to_device(inputs, self.device))
            (metrics["loss"] / len(parts)).backward()
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0) + value.detach().float() / len(parts)
        maximum = self.recipe.clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.pretraining.parameters(), maximum)
        self.optimizer.step()
        if self.averaged:
            self._average(self.averaged)
        return sums | {"gradient_norm": norm}

    @torch.no_grad()
    def _average(self, averaged: Encoder) -> None:
        """Update the running average. Early in the run it forgets the random start faster."""
        keep = min(self.recipe.average, (self.step + 1) / (self.step + 10))
        now = self.pretraining.encoder.parameters()
        torch._foreach_lerp_(list(averaged.parameters()), list(now), 1 - keep)

    def _record(self, progress: Progress, report: Callable[[Progress], None]) -> None:
        if not self.processes.first:
            return
        row: dict[str, Any] = {"step": progress.step, **progress.metrics}
        if progress.held_out:
            row |= {f"held_out_{name}": value for name, value in progress.held_out.items()}
        path = self.directory / METRICS
        with output_errors([path]), open(path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        report(progress)

    def _trim_metrics(self) -> None:
        """Delete the metrics of steps after the checkpoint that the run resumes from."""
        path = self.directory / METRICS
        if not self.processes.first or not path.exists():
            return
        with output_errors([path]):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        kept = [
            line
            for number, line in enumerate(lines, 1)
            if line.endswith("\n") and _step_of(line, path, number) <= self.step
        ]
        with open_output(path) as stream:
            stream.write("".join(kept))


def _step_of(line: str, path: Path, number: int) -> int:
    """Return the step of a line of metrics. Raises TrainingError if it is none."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, LookupError, TypeError, RecursionError):
        step = None
    if type(step) is not int:
        raise TrainingError(f"{path}:{number}: not a line of metrics; delete it to resume")
    return step


def _compile(pretraining: Pretraining) -> None:
    """Compile the blocks in place, for any length. The names of weights do not change.

    torch compiles a function at most 8 times, and runs it uncompiled from then on. The blocks of
    encoder and decoder, in training and in evaluation, with and without padding, are more.
    """
    torch._dynamo.config.cache_size_limit = _MAX_COMPILED
    for module in pretraining.modules():
        if isinstance(module, Stack):
            module.compile(dynamic=True)


def _optimizer(pretraining: Pretraining, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW. Norms, biases and single vectors have no weight decay, unless all have it."""
    matrices = [p for p in pretraining.parameters() if p.dim() > 1]
    vectors = [p for p in pretraining.parameters() if p.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": recipe.weight_decay if recipe.decay_all else 0.0},
    ]
    betas = (recipe.momentum(0), recipe.beta2)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=betas, fused=True)


def _dropout_seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
