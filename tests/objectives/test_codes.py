"""Codes: what the encoder reads, which blocks each loss trains, and how codes are chosen."""

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

from barcodeembed.errors import TrainingError
from barcodeembed.objectives.codes import Quantiser, draw_others


def trained(objective, encoder, loss: str) -> set[str]:
    """Return the parts that get a gradient from one loss."""
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    objective(encoder, inputs)[loss].backward()
    parts = {
        "first block": encoder.stack.blocks[0],
        "last block": encoder.stack.blocks[-1],
        "context": objective.context,
        "codebook": objective.quantiser,
        "head": objective.head,
    }
    return {
        name
        for name, part in parts.items()
        if any(p.grad is not None and p.grad.any() for p in part.parameters())
    }


@pytest.mark.parametrize(
    "loss, parts",
    [
        ("contrast_loss", {"first block", "context", "codebook"}),
        ("code_loss", {"first block", "last block", "head"}),
        ("diversity_loss", {"codebook"}),
    ],
)
def test_each_loss_trains_its_own_part(loss, parts):
    assert trained(make("codes"), make_encoder(), loss) == parts


def test_the_encoder_never_sees_the_hidden_kmers():
    """Changing them changes neither the contexts nor the predictions, only their codes."""
    objective, encoder, batch = make("codes").eval(), make_encoder().eval(), ragged()
    inputs = objective.prepare(batch, rng())
    other = objective.prepare(with_other_kmers(batch, inputs["predicted"]), rng())
    made = []
    for layer in (objective.context, objective.head):
        layer.register_forward_hook(lambda module, args, out: made.append(out))
    for arrays in (inputs, other):
        objective(encoder, to_torch(arrays))
    assert torch.equal(made[0], made[2]) and torch.equal(made[1], made[3])
    assert (inputs["classes"] != other["classes"]).all()


def test_the_contrast_is_with_the_codes_of_others_of_the_barcode():
    rows = np.array([0, 0, 0, 2, 2, 5])
    others = draw_others(rows, 50, rng())
    np.testing.assert_array_equal(rows[others], np.tile(rows[:, None], 50))
    assert (others[:5] != np.arange(5)[:, None]).all() and (others[5] == 5).all()
    assert set(others[0]) == {1, 2}


def test_others_with_the_same_code_are_not_wrong():
    objective = make("codes", temperature=1.0)
    codes = torch.tensor([3, 3, 4])
    quantised = torch.tensor([[1.0, 0], [1, 0], [0, 2]])
    context = torch.tensor([[1.0, 0], [1, 0], [1, 0]])
    others = torch.tensor([[1, 1], [0, 2], [0, 1]])
    found = objective._contrast(context, codes, quantised, others)
    e = np.e
    expected = -(0 + np.log(e / (e + 1)) + np.log(1 / (1 + 2 * e))) / 3
    assert found["loss"].item() == pytest.approx(expected, abs=1e-5)


def test_a_code_is_one_of_the_codebook_and_its_gradient_that_of_the_softmax():
    torch.manual_seed(0)
    quantiser, vectors = Quantiser(8, 5), torch.randn(7, 8, requires_grad=True)
    codes, quantised, _ = quantiser(vectors)
    torch.testing.assert_close(quantised, quantiser.codebook[codes])
    quantised.sum().backward()
    assert vectors.grad.abs().sum() > 0 and quantiser.scores.weight.grad.abs().sum() > 0


def test_diversity_is_the_unequal_use_of_the_codes():
    quantiser = Quantiser(4, 4)
    with torch.no_grad():
        quantiser.scores.weight.copy_(100 * torch.eye(4))
    assert quantiser(torch.eye(4))[2].item() == pytest.approx(0, abs=1e-5)
    assert quantiser(torch.eye(4)[:1].expand(9, 4))[2].item() == pytest.approx(0.75, abs=1e-5)


def test_codes_learn():
    losses = losses_on_a_repeated_batch(make("codes"), steps=30)
    assert losses[-1] < 0.9 * losses[0]


def test_codes_of_merged_kmers_train_the_encoder():
    config = replace(TINY, merge=2, pooling="class")
    objective, encoder = make("codes", config=config), make_encoder(config)
    inputs = objective.prepare(rectangle(merge=2), rng())
    objective(encoder, to_torch(inputs))["loss"].backward()
    assert encoder.tokens.weight.grad.abs().sum() > 0


def test_nothing_hidden_is_no_loss_and_no_gradient():
    objective, encoder = make("codes"), make_encoder()
    found = objective(encoder, to_torch(objective.prepare(all_unknown(), rng())))
    assert found["loss"].item() == 0
    found["loss"].backward()
    weights = [*objective.parameters(), *encoder.parameters()]
    assert all(p.grad is None or not p.grad.any() for p in weights)


@pytest.mark.parametrize("settings", [{"codes": 1}, {"others": 0}, {"temperature": 0}])
def test_invalid_settings_are_refused(settings):
    with pytest.raises(TrainingError):
        make("codes", **settings)


def test_one_block_cannot_be_halved():
    with pytest.raises(TrainingError, match="at least two blocks"):
        make("codes", config=replace(TINY, layers=1))
