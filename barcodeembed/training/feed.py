"""Bring the batches of a run to its device, prepared ahead."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from barcodeembed.objectives.base import Inputs

#: The micro-batches of a step: their numbers, and the inputs of each objective by name.
Parts: TypeAlias = list[tuple[int, dict[str, Inputs]]]

#: Maximum number of processes that prepare batches for a GPU.
_MAX_LOADERS = 8


def loaders_of(device: torch.device, processes: int) -> int:
    """Return the number of processes that prepare batches; 0 for a thread."""
    if device.type != "cuda":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return min(_MAX_LOADERS, cores // processes - 1)


def prefetched(
    prepare: Callable[[int], Parts], steps: range, loaders: int
) -> Generator[Parts, None, None]:
    """Yield the micro-batches of each step, prepared ahead.

    A thread prepares the next step, or processes do: a GPU computes faster than one core
    prepares views. A batch depends on its step alone, so both give the same batches.
    """
    if not steps:
        return
    if loaders > 0:
        yield from DataLoader(
            _Steps(prepare),
            batch_size=None,
            sampler=steps,
            num_workers=loaders,
            collate_fn=_unchanged,
            prefetch_factor=4,
            multiprocessing_context="fork",  # nothing is copied, and nothing must be picklable
        )
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        ahead = thread.submit(prepare, steps[0])
        for following in steps[1:]:
            ready, ahead = ahead.result(), thread.submit(prepare, following)
            yield ready
        yield ahead.result()


def to_device(inputs: dict[str, Inputs], device: torch.device) -> dict[str, Inputs]:
    """Copy the arrays among the inputs of each objective to the device, as tensors."""
    return {
        objective: {
            name: _tensor(value, device) if isinstance(value, np.ndarray) else value
            for name, value in found.items()
        }
        for objective, found in inputs.items()
    }


def _tensor(values: np.ndarray, device: torch.device) -> torch.Tensor:
    tensor = torch.from_numpy(values)
    if device.type == "cuda":
        # A copy from other memory would make the processor wait.
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class _Steps(Dataset[Parts]):
    """The steps of a run as a dataset of torch."""

    def __init__(self, prepare: Callable[[int], Parts]) -> None:
        self.prepare = prepare

    def __getitem__(self, step: int) -> Parts:
        return self.prepare(step)


def _unchanged(prepared: Any) -> Any:
    return prepared
