"""Checkpoints of a run: safetensors and JSON in a directory that is replaced as a whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch

from barcodeembed.bundles.checks import field, optional, reading
from barcodeembed.bundles.directories import replace_directory
from barcodeembed.bundles.manifest import open_bundle, read_object, write_json, write_manifest
from barcodeembed.bundles.names import utf8_name
from barcodeembed.errors import BundleError
from barcodeembed.model.bundle import load_weights, save_tensors
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.pretraining import Pretraining

KIND = "checkpoint"
FORMAT_VERSION = 2

_KEPT = 2


def save_checkpoint(
    directory: Path,
    step: int,
    pretraining: Pretraining,
    optimizer: torch.optim.AdamW,
    state: dict[str, Any],
    averaged: Encoder | None = None,
) -> None:
    """Write ``checkpoint-STEP`` with decoder and optimizer."""
    with replace_directory(directory / f"checkpoint-{step:08d}", KIND) as bundle:
        save_tensors(pretraining.state_dict(), bundle / "pretraining.safetensors")
        if averaged:
            save_tensors(averaged.state_dict(), bundle / "averaged.safetensors")
        moments = {
            f"{name}|{key}": value
            for name, parameter in pretraining.named_parameters()
            for key, value in optimizer.state.get(parameter, {}).items()
        }
        save_tensors(moments, bundle / "optimizer.safetensors")
        write_json(bundle / "state.json", {"step": step, **state})
        write_manifest(bundle, KIND, FORMAT_VERSION)


def delete_old_checkpoints(directory: Path, keep: int | None = None) -> None:
    """Delete all checkpoints but the last two and that of step ``keep``."""
    for path in _checkpoints(directory)[:-_KEPT]:
        if _step(path) != keep:
            shutil.rmtree(path)


def delete_checkpoints(directory: Path, after: int) -> None:
    """Delete the checkpoints of later steps."""
    for path in _checkpoints(directory):
        if _step(path) > after:
            shutil.rmtree(path)


def latest_checkpoint(
    directory: Path, until: int | None = None
) -> tuple[Path, dict[str, Any]] | None:
    """Return the newest undamaged checkpoint, up to step ``until``, and its state; or None."""
    for path in reversed(_checkpoints(directory)):
        if until is not None and _step(path) > until:
            continue
        try:
            open_bundle(path, KIND, FORMAT_VERSION)
            return path, _read_state(path / "state.json")
        except BundleError:
            continue
    return None


def _read_state(path: Path) -> dict[str, Any]:
    """Return the state of a run. Raises BundleError if it is not as `save_checkpoint` writes it."""
    state = read_object(path)
    with reading(path):
        field(state, "step", int, 0)
        run = field(state, "run", dict)
        field(run, "steps", int, 1)
        for name in ("planned", "restarted"):
            optional(run, name, int, 0)
    return state


def load_checkpoint(
    path: Path,
    pretraining: Pretraining,
    optimizer: torch.optim.AdamW,
    averaged: Encoder | None = None,
) -> None:
    """Restore weights and optimizer state exactly as they were saved."""
    from safetensors.torch import load_file

    load_weights(pretraining, path / "pretraining.safetensors")
    if averaged:
        load_weights(averaged, path / "averaged.safetensors")
    names = {parameter: name for name, parameter in pretraining.named_parameters()}
    state = optimizer.state_dict()
    ordered = [p for group in optimizer.param_groups for p in group["params"]]
    numbers = {names[parameter]: number for number, parameter in enumerate(ordered)}
    moments = path / "optimizer.safetensors"
    with reading(moments), utf8_name(moments) as readable:
        for key, value in load_file(readable).items():
            name, moment = key.rsplit("|", 1)
            number = numbers[name]
            if value.dim() and value.shape != ordered[number].shape:
                raise ValueError(f"{key} has the shape {tuple(value.shape)}")
            state["state"].setdefault(number, {})[moment] = value
    # Puts each value where this optimizer needs it: a fused one has its step counts on the device.
    optimizer.load_state_dict(state)


def _checkpoints(directory: Path) -> list[Path]:
    found = directory.glob("checkpoint-*")
    return sorted((path for path in found if path.name[11:].isdecimal()), key=_step)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("checkpoint-"))
