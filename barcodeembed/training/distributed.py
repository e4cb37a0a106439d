"""Several processes, started by ``torchrun``: their ranks, and averages over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True, slots=True)
class Processes:
    """The rank of this process among ``count`` that train together."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Only the first process writes files and reports."""
        return self.rank == 0

    def wait(self) -> None:
        if self.count > 1:
            distributed.barrier()

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process: all must stop at the same step."""
        if self.count == 1:
            return flag
        raised = torch.tensor(float(flag), device=self._device())
        distributed.all_reduce(raised, op=distributed.ReduceOp.MAX)
        return bool(raised)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Average a tensor over the processes."""
        if self.count > 1:
            values = values.to(self._device())
            distributed.all_reduce(values)
            values = values / self.count
        return values

    def _device(self) -> str:
        return "cuda" if distributed.get_backend() == "nccl" else "cpu"


@contextmanager
def joined(rank: int, count: int, local_rank: int, device: str) -> Iterator[Processes]:
    """Join the group that ``torchrun`` describes in the environment; leave it at the end."""
    if count == 1:
        yield Processes()
        return
    if device == "cuda":
        torch.cuda.set_device(local_rank)
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield Processes(rank, count, local_rank)
    finally:
        distributed.destroy_process_group()
