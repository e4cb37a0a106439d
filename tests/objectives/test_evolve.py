"""Self-evolution: hide the k-mers that an earlier state of the model predicts worst."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from objective_cases import (
    TINY,
    all_unknown,
    losses_on_a_repeated_batch,
    make,
    make_corpus,
    make_encoder,
    ragged,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
)
from torch.nn import functional as F

from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import MASK, PAD, SPECIAL_TOKENS
from barcodeembed.objectives.evolve import rectified
from barcodeembed.objectives.plan import Phase, resolve_settings
from barcodeembed.objectives.pretraining import Pretraining
from barcodeembed.training.work import flops_of

MERGED = replace(TINY, merge=2)


def evolved(**settings):
    """Return the objective in the second part of its run."""
    objective = make("evolve", **settings)
    objective.progress = 1.0
    return objective


def test_the_first_part_of_the_run_is_masked_language_modelling():
    batch, encoder = ragged(), make_encoder()
    losses = [
        objective(encoder, to_torch(objective.prepare(batch, rng())))["loss"]
        for objective in (make("evolve"), make("mlm"))
    ]
    torch.testing.assert_close(*losses)


def test_it_hides_the_kmers_that_the_reference_predicts_worst():
    """Two 4-mers, A and C: a head that always expects A is wrong about C."""
    objective, encoder, batch = evolved(), make_encoder(), ragged()
    inputs = to_torch(objective.prepare(batch, rng()))
    common, rare = SPECIAL_TOKENS, SPECIAL_TOKENS + 85
    real = inputs["kmers"] != PAD
    inputs["kmers"] = inputs["kmers"].masked_fill(real, common)
    inputs["kmers"][:, 3:20:2] = rare
    with torch.no_grad():
        objective.head.weight.zero_()
        objective.head.bias[0] = 5.0
    read = seen_by_encoder(objective, encoder, inputs)[-1]
    assert (read[:, 3:20:2] == MASK).all()
    assert torch.equal((read == MASK).sum(1), inputs["hidden"].sum(1))
    assert ((read == MASK) <= real).all()


def test_each_kmer_is_hidden_from_the_reference_when_it_is_predicted():
    objective, encoder = evolved(), make_encoder()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    objective(encoder, inputs)
    first, second = seen_by_encoder(objective, objective.reference, inputs)[:2]
    # The encoder of the hook is the reference here: its passes are those of `question`.
    assert torch.equal(first == MASK, inputs["hidden"])
    assert torch.equal(second == MASK, ~inputs["hidden"])


def test_the_reference_is_taken_once_and_never_trained():
    objective, encoder = evolved(), make_encoder()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    objective(encoder, inputs)["loss"].backward()
    taken = {name: value.clone() for name, value in objective.reference.state_dict().items()}
    assert all(torch.equal(value, encoder.state_dict()[name]) for name, value in taken.items())
    assert all(p.grad is None for p in objective.reference.parameters())
    assert encoder.tokens.weight.grad.any() and objective.head.weight.grad.any()
    with torch.no_grad():
        encoder.tokens.weight.add_(1)
    resumed = evolved()
    resumed.load_state_dict(objective.state_dict())
    for each in (objective, resumed):
        each(encoder, inputs)
        assert torch.equal(each.reference.tokens.weight, taken["tokens.weight"])


def test_the_second_part_does_not_depend_on_values():
    """Only shapes are computed, as for the speed on a GPU. Reading a value would fail."""
    plan = (Phase(1.0, {"evolve": 1.0}),)
    settings = resolve_settings(plan, {}, ["begin=0"])
    pretraining = Pretraining(make_encoder(), plan, settings, make_corpus())
    inputs = {name: to_torch(i) for name, i in pretraining.prepare(0, rectangle(), rng()).items()}
    assert flops_of(pretraining, 0, [(1.0, inputs)]) > 0
    assert not pretraining.objectives["evolve"].taken


def test_rectified_labels_are_a_mixture():
    ours, theirs = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[0.5, 0.5, 0.0]]).log()
    hard = F.cross_entropy(ours, torch.tensor([0]), reduction="none")
    mixed = F.cross_entropy(ours, torch.tensor([[0.8 + 0.1, 0.1, 0.0]]))
    assert rectified(hard, ours, theirs, 0.2).item() == pytest.approx(mixed.item())


def test_merged_kmers_are_hidden_together():
    objective, encoder = evolved(config=MERGED), make_encoder(MERGED)
    inputs = to_torch(objective.prepare(rectangle(merge=2), rng()))
    read = seen_by_encoder(objective, encoder, inputs)[-1] == MASK
    assert torch.equal(read[:, ::2], read[:, 1::2]) and read.any() and not read.all()


def test_both_parts_learn():
    for objective in (make("evolve"), evolved(begin=0)):
        losses = losses_on_a_repeated_batch(objective, steps=15)
        assert losses[-1] < 0.95 * losses[0]


def test_nothing_hidden_is_no_loss_and_no_gradient():
    objective, encoder = evolved(), make_encoder()
    found = objective(encoder, to_torch(objective.prepare(all_unknown(), rng())))
    found["loss"].backward()
    weights = [*objective.parameters(), *encoder.parameters()]
    assert found["loss"].item() == 0
    assert all(p.grad is None or not p.grad.any() for p in weights)


@pytest.mark.parametrize("settings", [{"begin": 1}, {"smoothing": 1}, {"kept": 0.1}])
def test_invalid_settings_are_refused(settings):
    with pytest.raises(TrainingError):
        make("evolve", **settings)
