"""The floating-point operations of a step, and the speed that a GPU can reach."""

from __future__ import annotations

import copy

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from barcodeembed.objectives.pretraining import Pretraining
from barcodeembed.training.feed import Parts, to_device

#: TFLOP/s of dense matrix products by the data sheets, in bf16 and in fp32 (not TF32).
_PEAKS = {
    "NVIDIA H200": {"bf16": 989.0, "fp32": 67.0},
    "NVIDIA H100 80GB HBM3": {"bf16": 989.0, "fp32": 67.0},
    "NVIDIA A100-SXM4-40GB": {"bf16": 312.0, "fp32": 19.5},
    "NVIDIA A100-SXM4-80GB": {"bf16": 312.0, "fp32": 19.5},
}


def peak_of(device: torch.device, precision: str) -> float | None:
    """Return the highest speed of matrix products in FLOP/s, or None where it is not known."""
    if device.type != "cuda":
        return None
    peaks = _PEAKS.get(torch.cuda.get_device_name(device))
    return peaks[precision] * 1e12 if peaks else None


def flops_of(pretraining: Pretraining, phase: int, parts: Parts) -> int:
    """Count the floating-point operations of the matrix products of a step, both directions.

    ``parts`` are the micro-batches of `Trainer.prepare`. Only the shapes are computed.
    """
    device = next(pretraining.parameters()).device
    inputs = [to_device(found, device) for _, found in parts]
    shapes = FakeTensorMode(allow_non_fake_inputs=True)
    tensors = [*pretraining.parameters(), *pretraining.buffers()]
    # The copy has the shapes alone. It is not compiled, and leaves the run's gradients untouched.
    model = copy.deepcopy(pretraining, {id(t): shapes.from_tensor(t) for t in tensors})
    with FlopCounterMode(display=False) as counter, shapes, sdpa_kernel(SDPBackend.MATH):
        for part in inputs:
            model(phase, part)["loss"].backward()
    return counter.get_total_flops()
