"""Naming: what the encoder reads after the view, and which feature is classified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from objective_cases import (
    TINY,
    losses_on_a_repeated_batch,
    make,
    make_encoder,
    ragged,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
)
from torch.nn import functional as F

from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import MASK, PAD


def test_the_encoder_reads_the_view_of_taxonomy_and_one_mask_after_it():
    batch = rectangle()
    plain = make("taxonomy").prepare(batch, rng())
    objective = make("naming")
    (seen,) = seen_by_encoder(objective, make_encoder(), objective.prepare(batch, rng()))
    np.testing.assert_array_equal(seen[:, :-1], plain["tokens"])
    assert (seen[:, -1] == MASK).all() and not (seen[:, :-1] == MASK).any()


def test_the_mask_has_the_position_after_the_last_token():
    inputs = make("naming", shortest=1.0).prepare(ragged(), rng())
    last = np.where(inputs["tokens"][:, :-1] != PAD, inputs["positions"][:, :-1], -1).max(1)
    np.testing.assert_array_equal(inputs["positions"][:, -1], last + 1)
    full = replace(TINY, max_tokens=10)
    inputs = make("naming", config=full, shortest=1.0).prepare(rectangle(), rng())
    assert inputs["positions"].max() == 9


def test_the_feature_of_the_mask_is_classified_and_nothing_else():
    """Other features change no metric, and the mask's feature does."""
    objective, encoder = make("naming").eval(), make_encoder().eval()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    expected = objective(encoder, inputs)

    def replace_others(module, args, out):
        noise = torch.randn(out[0].shape, generator=torch.Generator().manual_seed(0))
        noise[:, -1] = 0
        return out[0] + noise, out[1]

    handle = encoder.register_forward_hook(replace_others)
    found = objective(encoder, inputs)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    handle.remove()
    encoder.register_forward_hook(lambda module, args, out: (out[0].flip(0), out[1]))
    assert objective(encoder, inputs)["loss"] != expected["loss"]


@pytest.mark.parametrize(
    "config",
    [replace(TINY, pooling="class"), replace(TINY, pooling="place", vector_width=24)],
    ids=["class", "place"],
)
def test_it_needs_no_pooling(config):
    objective, encoder = make("naming", config=config), make_encoder(config)
    objective(encoder, to_torch(objective.prepare(rectangle(), rng())))["loss"].backward()
    assert encoder.tokens.weight.grad[MASK].abs().sum() > 0
    assert getattr(encoder, "readout", None) is None or encoder.readout.weight.grad is None


def test_naming_compares_unit_vectors_as_taxonomy_does():
    objective, encoder = make("naming"), make_encoder()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    vectors = F.normalize(objective.vectors(encoder, inputs), dim=-1)
    genus = {name[6:]: values for name, values in inputs.items() if name.startswith("genus_")}
    loss, _ = objective.heads["genus"](vectors, genus)
    torch.testing.assert_close(objective(encoder, inputs)["genus_loss"], loss)


def test_causal_blocks_are_refused():
    """In them attention has no mask, so that [MASK] would read the padding before it."""
    with pytest.raises(TrainingError, match="naming cannot train a model with causal blocks"):
        make("naming", config=replace(TINY, causal_blocks=1))


def test_naming_learns():
    losses = losses_on_a_repeated_batch(make("naming"), steps=30)
    assert losses[-1] < 0.8 * losses[0]
