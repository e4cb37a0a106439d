"""Fragments: they are disjoint, the pairs are right, and positions do not give the answer away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from objective_cases import (
    TINY,
    losses_on_a_repeated_batch,
    make,
    make_corpus,
    make_encoder,
    ragged,
    rectangle,
    rng,
    to_torch,
)

from barcodeembed.corpus.corpus import LABELS
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import PAD, UNKNOWN
from barcodeembed.objectives import objective_class
from barcodeembed.objectives.fragments import choose_cut, pair


@pytest.mark.parametrize("batch", [ragged(), rectangle()], ids=["ragged", "rectangle"])
def test_the_two_fragments_are_the_barcode_cut_at_one_token(batch):
    inputs = make("fragments").prepare(batch, rng())
    for name, whole in (("tokens", batch.tokens_BT), ("positions", batch.positions_BT)):
        joined = np.concatenate([inputs[f"{name}_{n}"] for n in range(2)], axis=1)
        np.testing.assert_array_equal(joined, whole)
    shortest = (batch.tokens_BT != PAD).sum(1).min()
    first = inputs["tokens_0"].shape[1]
    assert round(0.25 * shortest) <= first <= shortest - round(0.25 * shortest)
    assert not (inputs["tokens_0"] == PAD).any()


def test_merged_tokens_are_not_cut_apart():
    config = replace(TINY, merge=2)
    objective = make("fragments", config=config)
    inputs = objective.prepare(rectangle(merge=2), rng())
    for n in range(2):
        assert inputs[f"tokens_{n}"].shape[1] == 2 * inputs[f"positions_{n}"].shape[1]
    objective(make_encoder(config), to_torch(inputs))["loss"].backward()


def test_each_barcode_is_paired_with_itself_and_with_another():
    bins = np.array([0, 0, 1, -1, -1, 2, 2, 2])
    same, alone = 0, np.array([2, 3, 4])
    for seed in range(200):
        first, second = pair(bins, rng(seed))
        np.testing.assert_array_equal(first, np.tile(np.arange(8), 2))
        np.testing.assert_array_equal(second[:8], np.arange(8))
        assert (second[8:] != np.arange(8)).all()
        same += (bins[second[8:]] == bins)[np.setdiff1d(np.arange(8), alone)].mean() / 200
    assert 0.5 < same < 0.7  # half on purpose, and some by chance
    assert pair(np.array([4]), rng())[1].tolist() == [0]


def test_the_answers_are_right_and_only_named_pairs_are_asked_for_their_bin():
    corpus = make_corpus()
    corpus.labels[::5, LABELS.index("bin")] = -1
    batch = rectangle(corpus, size=20, same_taxon=("genus", 4))
    inputs = make("fragments", corpus).prepare(batch, rng())
    bins = batch.labels_BR[:, LABELS.index("bin")]
    one, other = bins[inputs["first"]], bins[inputs["second"]]
    np.testing.assert_array_equal(inputs["same_barcode"], inputs["first"] == inputs["second"])
    named = (one >= 0) & (other >= 0)
    np.testing.assert_array_equal(inputs["asked"], np.flatnonzero(named))
    np.testing.assert_array_equal(inputs["same_bin"], (one == other)[named])
    of_another = inputs["same_bin"] & ~inputs["same_barcode"][named]
    assert of_another.any() and not inputs["same_bin"].all() and not named.all()


def test_without_bins_only_barcodes_are_compared():
    corpus = make_corpus()
    corpus.labels[:] = -1
    objective = make("fragments", corpus)
    found = objective(make_encoder(), to_torch(objective.prepare(rectangle(corpus), rng())))
    assert found["bin_loss"].item() == 0
    found["loss"].backward()
    assert not objective.heads["bin"].weight.grad.any()
    assert objective.heads["barcode"].weight.grad.any()


def test_the_order_of_the_fragments_does_not_matter():
    objective, encoder = make("fragments").eval(), make_encoder().eval()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    swapped = dict(inputs, first=inputs["second"], second=inputs["first"])
    for name in ("tokens", "positions", "padded"):
        for n in range(2):
            swapped[f"{name}_{n}"] = inputs[f"{name}_{1 - n}"]
    losses = [objective(encoder, arrays)["loss"].item() for arrays in (inputs, swapped)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_barcode_too_short_to_be_cut_is_read_as_unknown():
    assert choose_cut(np.array([1, 9]), 0.25, rng()) == 1
    assert {choose_cut(np.array([8]), 0.25, rng(seed)) for seed in range(50)} == {*range(2, 7)}
    corpus = make_corpus()
    corpus.lengths[0] = TINY.k
    objective = make("fragments", corpus)
    inputs = objective.prepare(ragged(corpus), rng())
    assert inputs["tokens_1"][0, 0] == UNKNOWN and (inputs["tokens_1"][0, 1:] == PAD).all()
    assert np.isfinite(objective(make_encoder(), to_torch(inputs))["loss"].item())


def test_it_learns_a_repeated_batch():
    losses = losses_on_a_repeated_batch(make("fragments"), steps=40)
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])


@pytest.mark.parametrize("settings", [{"shortest": 0}, {"shortest": 0.6}, {"bin_weight": -1}])
def test_invalid_settings_are_refused(settings):
    with pytest.raises(TrainingError):
        objective_class("fragments").Options(**settings)
