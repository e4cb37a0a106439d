"""The metrics of the steps since the last report.

They stay on the device until they are needed. A GPU that is asked for them at every step waits for
the processor, instead of computing the next step.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from barcodeembed.training.distributed import Processes


class StepMetrics:
    """Collects metrics, which are averages over the processes and the steps."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._unread: list[tuple[int, list[str], Tensor]] = []
        self._values: dict[str, list[float]] = defaultdict(list)

    def add(self, step: int, metrics: dict[str, Tensor]) -> None:
        """Keep the metrics of a step, without reading them."""
        self._unread.append((step, list(metrics), torch.stack([*metrics.values()])))

    def read(self) -> list[tuple[int, dict[str, float]]]:
        """Return the metrics of each step since the last call. The device must finish them."""
        if not self._unread:
            return []
        joined = torch.cat([values for _, _, values in self._unread])
        flat = iter(self._processes.mean(joined).tolist())
        found = [(step, {name: next(flat) for name in names}) for step, names, _ in self._unread]
        self._unread.clear()
        for _, metrics in found:
            for name, value in metrics.items():
                self._values[name].append(value)
        return found

    def means(self) -> dict[str, float]:
        """Return the average of each metric that was read, and begin anew."""
        means = {name: sum(values) / len(values) for name, values in self._values.items()}
        self._values.clear()
        return means
