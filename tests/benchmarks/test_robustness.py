"""Damaged copies of barcodes, and which references they are compared with."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from support import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import robustness
from frozen_models import read_results


@pytest.fixture
def barcodes():
    rng = np.random.default_rng(0)
    bases = "ACGT" * 125
    return [("".join(rng.permutation(list(bases[:500]))), f"Genus s{i}") for i in range(30)]


def test_each_kind_damages_only_in_its_own_way(barcodes):
    bases = barcodes[0][0]
    copies = {
        kind: damage(bases, rng=np.random.default_rng(1))
        for kind, damage in robustness.DAMAGE.items()
    }
    assert copies["intact"] == bases
    for kind, rate in (("1 % substitutions", 0.01), ("3 %", 0.03), ("10 %", 0.1)):
        assert len(copies[kind]) == 500
        changed = sum(a != b for a, b in zip(copies[kind], bases, strict=True))
        assert 0.3 * rate * 500 <= changed <= 2 * rate * 500
    assert copies["1 % indels"] != bases and "N" not in copies["1 % indels"]
    unknown = [b for a, b in zip(bases, copies["5 % N"], strict=True) if a != b]
    assert set(unknown) == {"N"} and 10 <= len(unknown) <= 45
    for length in (313, 130):
        assert len(copies[f"{length} bases"]) == length and copies[f"{length} bases"] in bases


def test_the_species_of_all_queries_are_references(barcodes):
    references, queries = robustness.select(barcodes, barcodes[:12], count=5, others=7)
    assert len(references) == 12 and len(queries) == 5
    assert {name for _, name in queries} <= {name for _, name in references}
    assert robustness.select(barcodes, barcodes[:12], count=5, others=7) == (references, queries)


def test_the_fraction_of_correct_names_is_counted(barcodes, monkeypatch):
    def by_order(embedder, copies):
        """Return vectors that know a barcode only if all of its bases are known."""
        whole = {bases: row for row, (bases, _) in enumerate(barcodes)}
        rows = [whole.get(copy, 0) for copy in copies]
        return np.eye(len(barcodes), dtype=np.float32)[rows]

    monkeypatch.setattr(robustness, "embed", by_order)
    found = robustness.score(None, barcodes, barcodes)
    assert found["intact"] == 1
    assert found["130 bases"] == pytest.approx(1 / len(barcodes))


def test_the_table_has_the_mean_of_the_seeds(tmp_path):
    for seed, value in ((0, 0.5), (1, 0.7)):
        figures = dict.fromkeys(robustness.DAMAGE, value)
        (tmp_path / f"maelm-seed{seed}.json").write_text(json.dumps(figures))
    assert "| maelm | 2 | 0.600 (0.500 to 0.700) |" in robustness.table(read_results(tmp_path))
