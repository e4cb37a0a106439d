"""The floating-point operations of a step, and the utilisation of a GPU."""

from __future__ import annotations

import json

import pytest
import torch
from objective_cases import PREDICTING_TOKENS, TINY, make_corpus, required_settings
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from barcodeembed.objectives.plan import parse_schedule, resolve_settings
from barcodeembed.training import loop, work
from barcodeembed.training.loop import METRICS, Trainer
from barcodeembed.training.recipe import Recipe

CPU = torch.device("cpu")


def trainer(name: str, folder, **changes) -> Trainer:
    plan = parse_schedule(f"{name}:1")
    settings = resolve_settings(plan, {}, [f"{k}={v}" for k, v in required_settings(name).items()])
    recipe = Recipe(TINY, plan, settings, steps=4, batch_size=8, accumulate=2, **changes)
    return Trainer(recipe, make_corpus(40), folder, CPU)


@pytest.mark.parametrize(
    "name",
    [*PREDICTING_TOKENS, "contrastive", "splade", "fragments", "taxonomy", "naming", "supcon"],
)
def test_a_step_does_not_depend_on_values_and_its_operations_are_counted(name, tmp_path):
    """Only shapes are computed. A step that reads a value, for which a GPU would wait, fails."""
    made = trainer(name, tmp_path)
    parts = made.prepare(0)
    counted = work.flops_of(made.pretraining, 0, parts)
    assert all(parameter.grad is None for parameter in made.pretraining.parameters())
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        made.learn(made.pretraining, parts)
    assert counted == counter.get_total_flops() > 0


def test_the_operations_of_a_masked_language_model_are_those_of_its_matrices(tmp_path):
    made = trainer("mlm", tmp_path)
    parts = made.prepare(0)
    width, inner = TINY.width, TINY.feed_forward_width
    expected = 0
    for _, inputs in parts:
        B, T = inputs["mlm"]["tokens"].shape
        weights = 4 * width**2 + 2 * width * inner
        block = B * T * weights + 2 * B * T**2 * width
        head = len(inputs["mlm"]["classes"]) * width * 4**TINY.k
        # Two operations for each weight; backward costs twice as much as forward.
        expected += 6 * (TINY.layers * block + head)
    assert work.flops_of(made.pretraining, 0, parts) == expected


def test_the_utilisation_is_reported_where_the_peak_is_known(tmp_path, monkeypatch):
    made = trainer("maelm", tmp_path)
    made.run(until=2)
    monkeypatch.setattr(loop, "peak_of", lambda device, precision: 1e12)
    made.run()
    before, after = map(json.loads, (tmp_path / METRICS).read_text().splitlines())
    assert "utilisation" not in before
    flops = work.flops_of(made.pretraining, 0, made.prepare(3))
    expected = flops * after["sequences_per_second"] / 8 / 1e12
    assert after["tflop_per_second"] == pytest.approx(expected)
    assert after["utilisation"] == pytest.approx(after["tflop_per_second"])


@pytest.mark.parametrize(
    ("name", "precision", "expected"),
    [("NVIDIA H200", "bf16", 989e12), ("NVIDIA H200", "fp32", 67e12), ("Another", "bf16", None)],
)
def test_the_peak_of_a_gpu_is_found_by_its_name(name, precision, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert work.peak_of(torch.device("cuda"), precision) == expected
    assert work.peak_of(CPU, precision) is None
