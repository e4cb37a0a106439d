"""The benchmarks of pretraining, at a small size."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from support import REPOSITORY, SIMULATED

from barcodeembed.training.run import pretrain


def benchmark(name: str) -> ModuleType:
    """Import a script of benchmarks/."""
    path = REPOSITORY / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
    module = importlib.util.module_from_spec(spec)
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


def _data(training: Path) -> dict[str, int]:
    """Return the files of the corpus and of the positions, with their numbers on the disk."""
    found = [*training.glob("corpus/*"), *training.glob("positions-*")]
    return {path.name: path.stat().st_ino for path in found}
