"""A linear map learned from few names, and which species the names are of."""

from __future__ import annotations

import gzip
import json
import sys

import numpy as np
import pytest
from support import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import few_labels
import labels


def test_the_map_makes_genera_vary_equally_in_all_directions(monkeypatch):
    monkeypatch.setattr(few_labels, "_SHRINKAGE", 0)
    rng = np.random.default_rng(0)
    genera = np.repeat([f"G{number}" for number in range(40)], 30)
    centres = rng.normal(size=(40, 5)).repeat(30, 0)
    noise = rng.normal(size=(1200, 5)) * [0.3, 0.1, 0.05, 0.02, 0.01]
    vectors = few_labels.normalise((10 + centres + noise).astype(np.float32))
    mapped = vectors @ few_labels.within_genera(vectors, genera)
    rest = mapped - np.stack([mapped[genera == g].mean(0) for g in genera])
    np.testing.assert_allclose(rest.T @ rest / 1200, np.eye(5), atol=0.02)


def test_a_genus_with_one_species_says_nothing_about_the_spread():
    vectors = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    genera = np.array(["A"] * 4 + ["B"] * 4 + ["C"])
    some = few_labels.within_genera(vectors, genera)
    np.testing.assert_array_equal(few_labels.within_genera(vectors[:8], genera[:8]), some)


def test_the_species_of_a_smaller_part_are_in_the_larger():
    small, large = (few_labels.some_of(500, percent) for percent in (1, 10))
    assert len(small) == 5 and len(large) == 50 and set(small) < set(large)


def test_all_barcodes_of_a_part_of_the_species_are_written(tmp_path):
    source = tmp_path / "reference.tsv.gz"
    rows = [f"r{i}\tS{i % 20}\tACGT\n" for i in range(100)] + ["r100\t\tACGT\n"]
    with gzip.open(source, "wt") as stream:
        stream.writelines(["record_id\tspecies\tnucleotides\n", *rows])
    found = {}
    for percent in (10, 50):
        with gzip.open(labels.write_labelled(source, percent, tmp_path), "rt") as stream:
            header, *lines = stream
        assert header.startswith("record_id")
        found[percent] = {line.split("\t")[1] for line in lines}
        assert len(lines) == 5 * len(found[percent])
    assert len(found[10]) == 2 and len(found[50]) == 10 and found[10] < found[50]


@pytest.mark.parametrize("seeds, cell", [((0,), "0.500"), ((0, 1), "0.600 (0.500 to 0.700)")])
def test_a_table_has_a_row_for_each_start_and_fraction(seeds, cell, tmp_path):
    (tmp_path / "labels").mkdir()
    for seed in seeds:
        accuracy = {split: {rank: 0.5 + 0.2 * seed} for split, rank in labels.COLUMNS}
        run = {"raw": {"accuracy": accuracy}}
        (tmp_path / "labels" / f"maelm-10-seed{seed}.json").write_text(json.dumps(run))
    assert labels.table(tmp_path).splitlines()[2:] == [
        f"| 10 % of the species | maelm | {len(seeds)} | {cell} | {cell} | {cell} |"
    ]
