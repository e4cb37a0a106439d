"""Translation: what is hidden of DNA and of amino acids, and how the two are aligned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from objective_cases import (
    TINY,
    all_unknown,
    losses_on_a_repeated_batch,
    make,
    make_encoder,
    ragged,
    rectangle,
    rng,
    to_torch,
    with_other_kmers,
)

from barcodeembed.corpus.translation import ACIDS
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import MASK, PAD
from barcodeembed.objectives.translate import distances, transport


def test_dna_is_hidden_where_all_amino_acids_are_seen_and_the_reverse():
    batch = ragged()
    inputs = make("translate").prepare(batch, rng())
    dna, acids = (inputs["tokens"] == MASK).any(1), (inputs["acids"] == ACIDS).any(1)
    assert (dna != acids).all() and dna.sum() == acids.sum() == 3
    assert set(inputs["predicted"] // batch.tokens_BT.shape[1]) == set(np.flatnonzero(dna))
    assert set(inputs["acid_predicted"] // batch.tokens_BT.shape[1]) == set(np.flatnonzero(acids))


def test_a_hidden_kmer_is_only_seen_as_its_amino_acid():
    objective, encoder, batch = make("translate").eval(), make_encoder().eval(), ragged()
    inputs = objective.prepare(batch, rng())
    other = objective.prepare(with_other_kmers(batch, inputs["predicted"]), rng())
    assert np.array_equal(inputs["tokens"], other["tokens"])
    assert not np.array_equal(inputs["classes"], other["classes"])
    other["acids"] = inputs["acids"]
    with torch.no_grad():
        one, same = (objective.read(encoder, to_torch(each)) for each in (inputs, other))
    assert torch.equal(one[0], same[0])
    seen = to_torch(inputs) | {"acids": torch.zeros_like(torch.from_numpy(inputs["acids"]))}
    with torch.no_grad():
        assert not torch.allclose(one[0], objective.read(encoder, seen)[0])


def test_padding_changes_no_feature():
    objective, encoder, batch = make("translate").eval(), make_encoder().eval(), ragged(rows=2)
    inputs = objective.prepare(batch, rng())
    wider = dict(inputs, padded=True, positions=np.arange(batch.tokens_BT.shape[1] + 5)[None])
    wider["positions"] = wider["positions"].repeat(2, 0)
    for key in ("tokens", "acids"):
        wider[key] = np.pad(inputs[key], ((0, 0), (0, 5)), constant_values=PAD)
    losses = []
    for each in (inputs, wider):
        dna, acid, real = objective.read(encoder, to_torch(each))
        losses.append(distances(dna, acid, real, real))
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-5)


def test_the_plan_moves_all_mass_at_the_least_cost():
    costs = torch.ones(1, 4, 4) - torch.eye(4)[torch.tensor([2, 0, 3, 1])]
    real = torch.ones(1, 4, dtype=torch.bool)
    plan = transport(costs, real, real)
    torch.testing.assert_close(plan, (1 - costs) / 4, atol=1e-4, rtol=0)
    some = torch.tensor([[True, True, False, False]])
    plan = transport(costs, some, real)
    torch.testing.assert_close(plan.sum(1), torch.full((1, 4), 0.25), atol=1e-3, rtol=0)
    torch.testing.assert_close(plan.sum(2)[0], torch.tensor([0.5, 0.5, 0, 0]), atol=1e-2, rtol=0)


def test_each_loss_trains_the_encoder_and_its_own_head():
    for loss, head, untrained in (
        ("dna_loss", "head", "acid_head"),
        ("acid_loss", "acid_head", "head"),
        ("alignment_loss", "acids", "head"),
    ):
        objective, encoder = make("translate"), make_encoder()
        objective(encoder, to_torch(objective.prepare(rectangle(), rng())))[loss].backward()
        assert getattr(objective, head).weight.grad.any()
        assert getattr(objective, untrained).weight.grad is None
        assert encoder.tokens.weight.grad.any()


def test_merged_kmers_are_learned():
    config = replace(TINY, merge=2, pooling="place")
    objective, encoder = make("translate", config=config), make_encoder(config)
    objective(encoder, to_torch(objective.prepare(rectangle(merge=2), rng())))["loss"].backward()
    assert encoder.tokens.weight.grad.any()


def test_translation_is_learned():
    losses = losses_on_a_repeated_batch(make("translate"), steps=15)
    assert losses[-1] < 0.95 * losses[0]


def test_nothing_hidden_is_no_loss():
    objective = make("translate", alignment=0)
    found = objective(make_encoder(), to_torch(objective.prepare(all_unknown(), rng())))
    assert found["loss"].item() == 0


@pytest.mark.parametrize(
    "settings, config",
    [
        ({"alignment": -1}, TINY),
        ({"kept": 0.1}, TINY),
        ({}, replace(TINY, pooling="class")),
        ({}, replace(TINY, causal_blocks=1)),
    ],
)
def test_invalid_settings_are_refused(settings, config):
    with pytest.raises(TrainingError):
        make("translate", config=config, **settings)
