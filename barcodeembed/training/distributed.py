"""Several processes, started by ``torchrun``: their ranks, and averages over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True, slots=True)
class Processes:
    """The rank of this process among ``count`` that train together.

    ``control`` is a group for flags, which the processors exchange without waiting for a GPU.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    control: distributed.ProcessGroup | None = None

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
        raised = torch.tensor(float(flag))
        distributed.all_reduce(raised, op=distributed.ReduceOp.MAX, group=self.control)
        return bool(raised)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Average a tensor over the processes."""
        if self.count > 1:
            distributed.all_reduce(values)
            values = values / self.count
        return values


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
        yield Processes(rank, count, local_rank, distributed.new_group(backend="gloo"))
    finally:
        distributed.destroy_process_group()
