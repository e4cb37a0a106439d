"""Choose the device, the precision and the number of threads for torch. Imports torch."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import nn

from barcodeembed.errors import InputError


def choose_device(name: str) -> torch.device:
    """Return the device of this name. ``auto`` tries CUDA, then MPS, then the CPU.

    Raises InputError if this machine does not have the device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, found in available.items() if found)
    if not available.get(name, False):
        raise InputError(f"--device {name}: not available on this machine; use --device auto")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> str:
    """Return ``fp32`` or ``bf16``. ``auto`` is bf16 if the device is faster with it."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if device.type == "cpu" and _bf16_pays() else "fp32"


def _bf16_pays() -> bool:
    """Return whether this processor multiplies matrices faster in bf16 than in fp32.

    Older processors emulate bf16. Intel's AVX512-BF16 without AMX takes twice as long as fp32, and
    AMD's half as long (docs/performance.md).
    """
    native, matrices = (
        getattr(torch.cpu, name, lambda: False)()
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return native and (matrices or _is_amd())


def _is_amd() -> bool:
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:  # not Linux
        return False


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """Return a context in which matrix products run in the given precision."""
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def for_inference(module: nn.Module, device: torch.device, precision: str) -> nn.Module:
    """Return a module on its device, with weights prepared for fast inference.

    Autocast would convert the precision of the weights at every call, and the processor would
    reorder them at every call. This function does both once, on a copy.
    """
    module = module.to(device).eval()
    packs = device.type == "cpu" and _can_pack(precision)
    if precision == "fp32" and not packs:
        return module
    module = copy.deepcopy(module)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    for part in list(module.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.Linear):
                child.to(dtype)
                if packs:
                    setattr(part, name, _PackedLinear(child))
    return module


class _PackedLinear(nn.Module):
    """A linear map for inference, with the weights in the memory order of oneDNN.

    torch itself uses this order only in compiled modules, and those need a compiler.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.dtype = linear.weight.dtype
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(
            x.to(self.dtype), self.weight, self.bias, "none", [], ""
        )


def _can_pack(precision: str) -> bool:
    """Return whether oneDNN packs weights: those in bf16 only on processors that compute in it."""
    operations = torch.ops.mkldnn
    needed = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    if not torch.backends.mkldnn.is_available() or not all(hasattr(operations, n) for n in needed):
        return False
    return precision == "fp32" or operations._is_mkldnn_bf16_supported()


def set_threads(count: int) -> None:
    """Let torch and FAISS use ``count`` threads each. They never compute at the same time."""
    torch.set_num_threads(count)
    import faiss

    faiss.omp_set_num_threads(count)
