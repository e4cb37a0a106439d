"""The experiment of docs/objectives.md: its scores, its bootstrap, its rule, and a small run."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import REPOSITORY, SIMULATED, run_here

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import claim
import claim_data
from claim_scores import (
    directions,
    explained,
    few_of_each,
    nearest,
    pack_bits,
    unpack_bits,
)
from claim_table import Difference, decide, make_table, paired_bootstrap

rng = np.random.default_rng(0)


def hits(rate: float, shape: tuple[int, int] = (2, 900), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < rate


def test_equal_arms_do_not_differ():
    one = hits(0.5)
    assert paired_bootstrap(one, one, np.arange(900)) == Difference(0, 0, 0)


def test_the_interval_contains_the_difference_and_not_zero_if_it_is_clear():
    found = paired_bootstrap(hits(0.6), hits(0.4, seed=1), np.arange(900) // 2)
    assert found.low < found.value < found.high
    assert abs(found.value - 0.2) < 0.04
    assert found.low > 0.1


def test_barcodes_of_one_species_count_as_one():
    """With the same hit for all queries of a species, the interval is wider."""
    species = np.arange(900) // 30
    one, other = (hits(0.5, (2, 30), seed).repeat(30, 1) for seed in (2, 3))
    clustered = paired_bootstrap(one, other, species)
    single = paired_bootstrap(one, other, np.arange(900))
    assert clustered.value == single.value
    assert clustered.high - clustered.low > 2 * (single.high - single.low)


def test_seeds_that_disagree_widen_the_interval():
    one, other = hits(0.5), hits(0.5, seed=1)
    one[0], other[0] = True, False
    one[1], other[1] = False, True
    found = paired_bootstrap(one, other, np.arange(900))
    assert (found.value, found.low, found.high) == (0, -1, 1)


@pytest.mark.parametrize(
    ("mlm", "masks", "untrained", "expected"),
    [
        ((0.04, 0.01), (0.02, 0.01), (0.2, 0.1), "confirmed"),
        ((0.03, 0.01), (0.02, 0.01), (0.2, 0.1), "confirmed"),
        ((0.029, 0.01), (0.02, 0.01), (0.2, 0.1), "undecided"),
        ((0.04, -0.01), (0.02, 0.01), (0.2, 0.1), "undecided"),
        ((0.04, 0.01), (0.02, -0.01), (0.2, 0.1), "undecided"),
        ((0.04, 0.01), (0.02, 0.01), (-0.1, -0.2), "undecided"),
        ((0.009, 0.001), (0.02, 0.01), (0.2, 0.1), "refuted"),
        ((-0.05, -0.06), (0.02, 0.01), (0.2, 0.1), "refuted"),
    ],
)
def test_the_rule_decides_as_it_is_written(mlm, masks, untrained, expected):
    arms = {"mlm": mlm, "maelm, masks in the encoder": masks, "untrained": untrained}
    found = {arm: Difference(value, low, value + 0.1) for arm, (value, low) in arms.items()}
    assert decide(found) == expected


def test_hits_are_the_same_after_packing():
    hit = rng.random(1001) < 0.5
    np.testing.assert_array_equal(unpack_bits(pack_bits(hit), 1001), hit)


def test_a_linear_map_is_explained_and_noise_is_not():
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0)).double()
    y = torch.randn(400, 3, generator=torch.Generator().manual_seed(1)).double()
    assert explained(x, x @ torch.ones(6, 4).double() + 5) > 0.999
    assert explained(x, y) < 0.05


def test_the_rank_of_tokens_counts_directions():
    basis, _ = torch.linalg.qr(torch.randn(20, 20, generator=torch.Generator().manual_seed(0)))
    flat = torch.randn(5_000, 4, generator=torch.Generator().manual_seed(1)) @ basis[:4] + 3
    assert directions(flat) == 4
    assert directions(flat + 1e-3 * torch.randn(5_000, 20)) == 4
    assert directions(torch.randn(5_000, 20)) > 16


def test_the_nearest_reference_is_the_most_similar():
    known = torch.eye(5)
    np.testing.assert_array_equal(nearest(known[[3, 1]] + 0.1, known), [3, 1])


def test_the_probe_gets_a_few_of_each_genus():
    labels = np.array([2, 2, 2, -1, 0, 2, -1, 0, 1])
    chosen = few_of_each(labels, 2)
    assert sorted(labels[chosen].tolist()) == [0, 0, 1, 2, 2]


def test_all_arms_of_a_condition_have_the_same_steps():
    speeds = {
        (condition, arm): 1_000.0 if arm == "clm" else 2_000.0
        for condition in ("paper", "aligned")
        for arm in claim.ARMS
        if arm != "untrained"
    }
    ample, scarce = (
        claim.plan(["paper", "aligned"], speeds, 1_000, 2, 3, seconds) for seconds in (1e6, 600)
    )
    assert {(job.condition, job.steps) for job in ample} == {("paper", 1_000), ("aligned", 500)}
    assert len(ample) == 2 * 2 * 5
    steps = dict({(job.condition, job.steps) for job in scarce})
    assert len({(job.condition, job.steps) for job in scarce}) == 2
    assert 20 < steps["aligned"] < steps["paper"] < 1_000
    needed = sum(
        job.steps * 256 / speeds[job.condition, job.arm] for job in scarce if job.arm != "untrained"
    )
    assert needed + len(scarce) * claim._OVERHEAD < 3 * 600


def write_tables(folder: Path) -> None:
    """Write the simulated references as the tables that the experiment reads."""
    header = "record_id bin family genus species nucleotides".split()
    rows = []
    for entry in (SIMULATED / "reference.fasta").read_text().split(">")[1:]:
        head, *lines = entry.split("\n")
        name, _, tax = head.partition(";tax=")
        taxa = dict(part.split(":") for part in tax.strip(";").split(","))
        of = [taxa.get(rank, "") for rank in "fgs"]
        rows.append([name, f"BIN:{of[2]}" if of[2] else "", *of, "".join(lines)])
    named = [row for row in rows if row[4]]
    parts = {"reference": rows, "val_seen": named[:30], "val_unseen_species": named[30:90]}
    for name, found in (parts | {"val_unseen_genus": named[90:110]}).items():
        with gzip.open(folder / f"{name}.tsv.gz", "wt") as stream:
            stream.writelines("\t".join(row) + "\n" for row in [header, *found])


@pytest.mark.slow
def test_a_small_experiment_finds_identical_references_and_makes_a_table(tmp_path):
    write_tables(tmp_path)
    model, folder, out = tmp_path / "model", tmp_path / "pack", tmp_path / "out"
    anchored = ("--preset", "tiny", "--anchor", "--steps", 1, "--device", "cpu")
    assert run_here("pretrain", tmp_path / "reference.tsv.gz", "-o", model, *anchored) == 0
    claim_data.pack(model, tmp_path, folder)
    claim_data.unpack(folder, tmp_path)
    claim_data.tokenise(folder, tmp_path, "toy", claim.CONDITIONS["toy"].model, 1)
    barcodes = claim_data.open_pack(folder, tmp_path)
    asked = np.concatenate([*barcodes.queries.values()])
    assert not np.isin(asked, barcodes.corpus.train).any()
    out.mkdir()
    site = claim.Site(folder, tmp_path, out, "cpu", float("inf"))
    for arm in claim.ARMS:
        for seed in (0, 1):
            claim.make_run(site, claim.Job("toy", arm, seed, 10))
    runs = [json.loads(line) for line in (out / claim.RESULTS).read_text().splitlines()]
    assert {run["accuracy"]["seen"] for run in runs} == {1.0}
    assert all(run["curve"][-1][0] == 10 and run["curve"][-1][2] > 0 for run in runs[:-2])
    table = make_table(out / claim.RESULTS, folder)
    assert "| maelm - untrained | +0.000 (+0.000 to +0.000) |" in table
    assert "By the rule: **refuted**." in table
