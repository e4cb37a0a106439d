"""Sparse vectors: the weights of k-mers, their sparsity, and what the encoder reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from objective_cases import (
    TINY,
    make,
    make_encoder,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
)

from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import MASK, PAD
from barcodeembed.objectives.splade import flops

MERGED = replace(TINY, merge=2, pooling="place")


def prepared(config=TINY, progress=1.0, **settings):
    objective = make("splade", config=config, **settings)
    objective.progress = progress
    inputs = objective.prepare(rectangle(merge=config.merge), rng())
    return objective, make_encoder(config), to_torch(inputs)


@pytest.mark.parametrize("config", [TINY, MERGED], ids=["plain", "merged"])
def test_a_weight_is_the_largest_of_all_kmers(config):
    objective, encoder, inputs = prepared(config)
    weights = objective.weights(encoder, inputs, "_0")
    features, _ = encoder(inputs["tokens_0"], inputs["positions_0"])
    logits = objective.head(features.reshape(8, -1, config.width // config.merge))
    torch.testing.assert_close(weights, torch.log(1 + logits.clamp(min=0)).max(1).values)
    assert weights.shape == (8, 256)


def test_padding_has_no_weight():
    objective, encoder, inputs = prepared()
    expected = objective.weights(encoder, inputs, "_0")
    wider = inputs | {"padded_0": True}
    for name, value in (("tokens_0", PAD), ("positions_0", 0)):
        wider[name] = torch.nn.functional.pad(inputs[name], (0, 9), value=value)
    torch.testing.assert_close(objective.weights(encoder, wider, "_0"), expected)


def test_flops_prefers_weights_on_other_kmers_in_each_barcode():
    shared, apart = torch.zeros(4, 8), torch.eye(4, 8)
    shared[:, 0] = 1
    assert flops(shared).item() == 1 and flops(apart).item() == pytest.approx(4 / 16)


def test_the_regulariser_grows_during_the_run():
    losses = {}
    for progress in (0.0, 0.5, 1.0):
        objective, encoder, inputs = prepared(progress=progress, flops=3)
        found = objective(encoder, inputs)
        losses[progress] = (found["loss"] - found["contrast_loss"]).item()
    assert losses[0.0] == 0 < losses[1.0]
    assert losses[0.5] == pytest.approx(losses[1.0] / 4, rel=1e-4)


def test_two_views_are_read_without_masks():
    objective, encoder, inputs = prepared()
    seen = seen_by_encoder(objective, encoder, inputs)
    assert len(seen) == 2 and not any((tokens == MASK).any() for tokens in seen)
    assert not torch.equal(*(tokens[:, :10] for tokens in seen))


@pytest.mark.parametrize("config", [TINY, MERGED], ids=["plain", "merged"])
def test_the_encoder_and_the_head_learn_but_not_the_pooling(config):
    objective, encoder, inputs = prepared(config)
    objective(encoder, inputs)["loss"].backward()
    assert objective.head.weight.grad.any() and encoder.tokens.weight.grad.any()
    if config.pooling == "place":
        assert encoder.readout.weight.grad is None


def test_the_regulariser_makes_the_weights_sparse():
    objective, encoder, inputs = prepared(flops=1)
    before = objective(encoder, inputs)
    (before["loss"] - before["contrast_loss"]).backward()
    with torch.no_grad():
        objective.head.bias -= 0.5 * objective.head.bias.grad
    assert objective(encoder, inputs)["terms"] < 0.9 * before["terms"]


def test_a_negative_factor_is_refused():
    with pytest.raises(TrainingError, match="flops is -1"):
        make("splade", flops=-1)
