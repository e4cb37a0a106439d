"""The benchmarks of pretraining, at a small size."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from support import REPOSITORY, SIMULATED

from barcodeembed.corpus.corpus import encode_corpus
from barcodeembed.objectives import OBJECTIVES
from barcodeembed.training.run import pretrain

CHECKS = ("objectives", "resume", "embed", "speed")


def benchmark(name: str) -> ModuleType:
    """Import a script of benchmarks/."""
    path = REPOSITORY / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_runs_of_the_comparison_share_the_encoded_corpus_and_its_positions(tmp_path):
    few = {"preset": "tiny", "steps": 1, "anchor": True}
    pretrain(SIMULATED / "reference.fasta", out=tmp_path / "encoded", **few)
    benchmark("objectives").link_encoded(tmp_path / "encoded.training", tmp_path / "run.training")
    pretrain(SIMULATED / "reference.fasta", out=tmp_path / "run", resume=True, **few)
    first, second = (_data(tmp_path / f"{name}.training") for name in ("encoded", "run"))
    assert len(first) > 3 and any(name.startswith("positions-") for name in first)
    assert first == second


def test_the_peak_memory_is_that_of_training_alone(tmp_path, monkeypatch, capsys):
    """It is read before the matrix product needs memory, and counting operations needs none."""
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    pretrain_benchmark = benchmark("pretrain")
    encode_corpus(pretrain_benchmark.barcodes(40), tmp_path / "corpus")
    done = []
    for name in ("peak_memory", "flops_of", "matrix_product"):
        work = getattr(pretrain_benchmark, name)
        monkeypatch.setattr(pretrain_benchmark, name, _noted(name, work, done))
    asked = argparse.Namespace(threads=1, batch_size=8, compile=False, device="cpu", seconds=0)
    pretrain_benchmark.measure("tiny", "maelm", "fp32", asked, tmp_path)
    assert done == ["peak_memory", "flops_of", "matrix_product"]
    assert capsys.readouterr().out.startswith("| tiny | maelm | fp32 | ")


def _noted(name: str, work: Callable, done: list[str]) -> Callable:
    def call(*arguments):
        done.append(name)
        return work(*arguments)

    return call


#: What a GPU machine need not have.
ABSENT = ("faiss", "Bio", "pyfastx", "edlib", "scipy", "pandas", "pyarrow", "typer", "rich")


def smoke(folder: Path, *arguments: str) -> list[dict]:
    """Run benchmarks/gpu.py on the CPU, where many packages cannot be imported; return its rows."""
    out = folder / "gpu.json"
    fixed = ["--device", "cpu", "--barcodes", "64", "--seconds", "0", "--out", str(out)]
    starter = (
        f"import runpy, sys; sys.modules |= dict.fromkeys({ABSENT!r}); "
        f"sys.argv = {['gpu.py', 'smoke', *fixed, *arguments]!r}; "
        f"runpy.run_path({str(REPOSITORY / 'benchmarks' / 'gpu.py')!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", starter],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert all(row["ok"] for row in rows)
    return rows


@pytest.mark.slow
def test_the_checks_of_a_gpu_need_few_packages(tmp_path):
    rows = smoke(
        tmp_path,
        "--checks=objectives,resume,embed,speed",
        "--speed=tiny:maelm:bf16:8:no,aligned:taxonomy:fp32:8:no",
    )
    cases = {check: [row["case"] for row in rows if row["check"] == check] for check in CHECKS}
    assert {*OBJECTIVES, "anchored", "aligned", "many classes"} < set(cases["objectives"])
    assert cases["resume"] == cases["embed"] == ["fp32", "bf16"]
    assert all(row["loss"] == 0 for row in rows if row["check"] in ("objectives", "resume"))
    speed = [row for row in rows if row["check"] == "speed"]
    assert len(speed) == 2 and all(row["barcodes_per_second"] > 0 for row in speed)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_checks_of_a_gpu_compile_the_blocks(tmp_path):
    rows = smoke(tmp_path, "--checks=compile")
    assert [row["case"] for row in rows] == ["fp32", "bf16"]


@pytest.mark.parametrize("wrong", ["loss", "gradient"])
def test_a_device_that_computes_something_else_fails(wrong, tmp_path, monkeypatch):
    gpu = benchmark("gpu")
    asked = argparse.Namespace(barcodes=64)
    bench = gpu.make_bench(asked, torch.device("cpu"), tmp_path)
    honest = gpu.one_step
    changed = {"loss": "loss", "gradient": "gradient_norm"}[wrong]

    def dishonest(trainer):
        metrics = honest(trainer)
        if trainer.directory.name == "device":
            metrics[changed] *= 1.02
        return metrics

    assert gpu.compare_step(bench, "mlm:1", {})["ok"]
    monkeypatch.setattr(gpu, "one_step", dishonest)
    row = gpu.compare_step(bench, "mlm:1", {})
    assert not row["ok"] and row[wrong] == pytest.approx(0.02)


def test_a_loss_that_is_not_a_number_is_never_accepted():
    gap = benchmark("gpu").largest_gap
    assert gap([1.0, 2.0], [1.0, 2.2]) == pytest.approx(0.1)
    for wrong in (math.nan, math.inf):
        assert not gap([1.0, 1.0], [1.0, wrong]) <= 1
        assert not gap([1.0, 1.0], [wrong, 1.0]) <= 1


def test_a_case_that_fails_is_a_row():
    gpu = benchmark("gpu")
    row = gpu.attempt(lambda: 1 / 0)
    assert row["ok"] is False and row["error"] == "ZeroDivisionError: division by zero"


def _data(training: Path) -> dict[str, int]:
    """Return the files of the corpus and of the positions, with their numbers on the disk."""
    found = [*training.glob("corpus/*"), *training.glob("positions-*")]
    return {path.name: path.stat().st_ino for path in found}
