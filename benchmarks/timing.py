"""Common functions of the speed benchmarks: alternating timing, and a bound of the machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

_SIZES = {"cpu": 2_048, "cuda": 8_192}


def in_turn(works: list[Callable[[], object]], budget: float, rounds: int = 5) -> list[float]:
    """Return the median seconds of each function.

    The functions are called in turn, so that changes of the machine's speed affect all of them.
    There are at least ``rounds`` rounds, and more if less than ``budget`` seconds have passed.
    """
    for work in works:
        work()
    taken: list[list[float]] = []
    began = time.perf_counter()
    while len(taken) < rounds or time.perf_counter() - began < budget:
        taken.append([_seconds_of(work) for work in works])
    return [statistics.median(times) for times in zip(*taken, strict=True)]


def matrix_product(precision: str, device: str = "cpu") -> tuple[Callable[[], object], int]:
    """Return a square matrix product and its multiply-adds."""
    size = _SIZES[device]
    a, b = (torch.randn(size, size, dtype=TYPES[precision], device=device) for _ in range(2))
    return lambda: a @ b, size**3


def _seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began
