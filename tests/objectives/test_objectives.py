"""The objectives on tokens: what they may see, that they learn, and how to write a plan."""

from __future__ import annotations

import numpy as np
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
    required_settings,
    rng,
    seen_by_encoder,
    to_torch,
    with_other_kmers,
    with_tokens,
)

from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import MASK, PAD, UNKNOWN
from barcodeembed.objectives import OBJECTIVES, objective_class
from barcodeembed.objectives.plan import (
    Phase,
    describe_plan,
    parse_objective,
    parse_schedule,
    phase_at,
    resolve_settings,
)
from barcodeembed.objectives.pretraining import Pretraining

#: Objectives that predict k-mers of the batch.
PREDICTING = ("maelm", "mlm", "clm", "meap")


@pytest.mark.parametrize("batch", [ragged(), rectangle()], ids=["ragged", "rectangle"])
def test_maelm_shows_the_encoder_the_visible_tokens_and_no_mask(batch):
    objective, encoder = make("maelm"), make_encoder()
    inputs = objective.prepare(batch, rng())
    (seen,) = seen_by_encoder(objective, encoder, inputs)
    lengths = (batch.tokens_BT != PAD).sum(1)
    assert not (seen == MASK).any()
    assert seen.shape[1] == (lengths - np.rint(lengths * 0.5)).max() < batch.tokens_BT.shape[1]
    for row, columns, whole in zip(seen, inputs["visible_columns"], batch.tokens_BT, strict=True):
        real = (row != PAD).numpy()
        assert row[real].tolist() == whole[columns[real]].tolist()


@pytest.mark.parametrize(
    "settings",
    [{}, {"span": 3, "codons": True}, {"decoder_width": 32}, {"encoder_masks": True}],
)
def test_maelm_hides_its_targets_from_everything(settings):
    """Changing a hidden k-mer changes no logit, so neither encoder nor decoder can have seen it."""
    objective, encoder, batch = make("maelm", **settings).eval(), make_encoder(), ragged()
    inputs = objective.prepare(batch, rng())
    other = objective.prepare(with_other_kmers(batch, inputs["predicted"]), rng())
    logits = []
    objective.head.register_forward_hook(lambda module, args, out: logits.append(out))
    for arrays in (inputs, other):
        objective(encoder, to_torch(arrays))
    assert (inputs["classes"] != other["classes"]).all()
    assert torch.equal(*logits)


def test_maelm_decoder_puts_every_visible_feature_in_its_own_column():
    objective, encoder, batch = make("maelm"), make_encoder(), ragged()
    inputs = to_torch(objective.prepare(batch, rng()))
    entered, projected = [], []
    objective.decoder.stack.register_forward_hook(lambda m, args, out: entered.append(args[0]))
    objective.decoder.project.register_forward_hook(lambda m, args, out: projected.append(out))
    objective(encoder, inputs)
    for row in range(len(batch.rows)):
        visible = (inputs["visible"][row] != PAD).sum()
        columns = inputs["visible_columns"][row, :visible]
        assert torch.equal(entered[0][row, columns], projected[0][row, :visible])
        hidden = np.setdiff1d(np.arange(batch.tokens_BT.shape[1]), columns.numpy())
        assert (entered[0][row, hidden] == objective.decoder.mask).all()


def test_a_narrow_decoder_is_narrow():
    decoder = make("maelm", decoder_width=32, decoder_layers=1).decoder
    assert decoder.stack.norm.weight.shape == (32,)
    with pytest.raises(TrainingError, match="decoder of width 63 is not possible"):
        make("maelm", decoder_width=63, config=TINY)


def test_mlm_shows_masks_in_full_length():
    objective, encoder, batch = make("mlm"), make_encoder(), ragged()
    (seen,) = seen_by_encoder(objective, encoder, objective.prepare(batch, rng()))
    assert seen.shape == batch.tokens_BT.shape
    hidden = (seen == MASK).sum(1).numpy()
    np.testing.assert_array_equal(hidden, np.rint((batch.tokens_BT != PAD).sum(1) * 0.5))


@pytest.mark.parametrize("name", ["mlm", "maelm"])
def test_some_hidden_tokens_are_shown_at_random_or_unchanged(name):
    batch = rectangle(make_corpus(rows=400), size=300)
    objective = make(name, random=0.2, kept=0.3)
    inputs = objective.prepare(batch, rng())
    if name == "mlm":
        shown = inputs["tokens"]
    else:
        shown = np.pad(np.full_like(batch.tokens_BT, MASK), ((0, 0), (0, 1)))
        np.put_along_axis(shown, inputs["visible_columns"], inputs["visible"], 1)
        shown = shown[:, :-1]  # the last column is for padding
    hidden = np.zeros(batch.tokens_BT.size, bool)
    hidden[inputs["predicted"]] = True
    hidden = hidden.reshape(shown.shape)
    same = (shown == batch.tokens_BT)[hidden].mean()
    assert abs((shown == MASK)[hidden].mean() - 0.5) < 0.03
    assert abs(same - (0.3 + 0.2 / 256)) < 0.03
    real = batch.tokens_BT != UNKNOWN
    assert (shown == batch.tokens_BT)[~hidden & real].all()


def test_clm_sees_nothing_that_comes_later():
    encoder, tokens = make_encoder().eval(), ragged().tokens_BT
    features, _ = encoder(torch.from_numpy(tokens), causal=True)
    later = tokens.copy()
    later[:, 15:] = np.where(later[:, 15:] == PAD, PAD, 9)
    changed, _ = encoder(torch.from_numpy(later), causal=True)
    torch.testing.assert_close(changed[:, :15], features[:, :15])
    assert not torch.allclose(changed[:, 15], features[:, 15])


def test_clm_predicts_the_next_token_after_every_token():
    batch = with_tokens(ragged(rows=1), np.array([[10, 11, UNKNOWN, 12, PAD]]))
    inputs = make("clm").prepare(batch, rng())
    assert inputs["predicted"].tolist() == [0, 2]
    assert (inputs["classes"] + 4).tolist() == [11, 12]


def test_meap_masks_inputs_and_predicts_what_clm_does():
    batch = ragged()
    masked, plain = (make(name).prepare(batch, rng()) for name in ("meap", "clm"))
    lengths = (batch.tokens_BT != PAD).sum(1)
    hidden = (masked["tokens"] == MASK).sum(1)
    np.testing.assert_array_equal(hidden, np.rint(0.15 * lengths))
    np.testing.assert_array_equal(masked["predicted"], plain["predicted"])
    np.testing.assert_array_equal(masked["classes"], plain["classes"])


@pytest.mark.parametrize("name", PREDICTING)
def test_padding_the_batch_changes_no_loss(name):
    objective, encoder, batch = make(name).eval(), make_encoder().eval(), ragged(rows=1)
    inputs = objective.prepare(batch, rng())
    # Both must hide the same tokens, so only the arrays are padded.
    wider = dict(inputs, padded=True)
    for key in ("tokens", "real"):
        if key in inputs:
            wider[key] = np.pad(inputs[key], ((0, 0), (0, 11)), constant_values=PAD)
    wider["positions"] = np.arange(batch.tokens_BT.shape[1] + 11)[None]
    if "visible_columns" in inputs:
        columns, end = inputs["visible_columns"], batch.tokens_BT.shape[1]
        wider["visible_columns"] = np.where(columns == end, end + 11, columns)
    loss, wide = (objective(encoder, to_torch(arrays))["loss"] for arrays in (inputs, wider))
    torch.testing.assert_close(loss, wide, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PREDICTING)
def test_kmer_objectives_begin_at_the_loss_of_guessing_and_learn(name):
    losses = losses_on_a_repeated_batch(make(name), steps=120)
    assert abs(losses[0] - np.log(256)) < 0.5
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("name", PREDICTING)
def test_nothing_to_predict_is_no_loss_and_no_gradient(name):
    objective, encoder = make(name), make_encoder()
    result = objective(encoder, to_torch(objective.prepare(all_unknown(), rng())))
    assert result["loss"].item() == 0
    result["loss"].backward()
    weights = [*objective.parameters(), *encoder.parameters()]
    assert all(p.grad is None or not p.grad.any() for p in weights)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_same_generator_prepares_the_same(name):
    objective, batch = make(name), rectangle(same_taxon=("genus", 4))
    one, other = (objective.prepare(batch, np.random.default_rng(3)) for _ in range(2))
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_can_be_combined_with_another(name):
    """The loss is the weighted sum, and both train the same encoder."""
    corpus = make_corpus()
    plan = (Phase(1.0, {name: 0.5} if name == "clm" else {name: 0.5, "clm": 2.0}),)
    encoder = make_encoder()
    given = [f"{key}={value}" for key, value in required_settings(name).items()]
    module = Pretraining(encoder, plan, resolve_settings(plan, {}, given), corpus)
    inputs = module.prepare(0, rectangle(corpus, same_taxon=("genus", 4)), rng())
    inputs = {key: to_torch(arrays) for key, arrays in inputs.items()}
    metrics = module(0, inputs)
    parts = {n: module.objectives[n](encoder, inputs[n])["loss"] for n in plan[0].weights}
    expected = sum(weight * parts[n] for n, weight in plan[0].weights.items())
    torch.testing.assert_close(metrics["loss"], expected)
    metrics["loss"].backward()
    assert encoder.tokens.weight.grad.abs().sum() > 0


def test_a_parsed_plan_is_written_as_before():
    assert parse_objective("maelm+mlm:0.25") == {"maelm": 1.0, "mlm": 0.25}
    plan = parse_schedule("clm:0.25,maelm+mlm:0.1:0.75")
    assert describe_plan(plan) == "clm:0.25,maelm+mlm:0.1:0.75"
    assert [phase_at(plan, step, 8) for step in range(8)] == [0, 0, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "text, message",
    [
        ("x", "no objective 'x'"),
        ("maelm+maelm", "occurs twice"),
        ("maelm:0", "not a positive number"),
        ("maelm:nan", "not a positive number"),
        ("maelm:inf", "not a positive number"),
        ("maelm:", "not a positive number"),
        ("", "no objective ''"),
    ],
)
def test_an_invalid_sum_is_refused(text, message):
    with pytest.raises(TrainingError, match=message):
        parse_objective(text)


def test_an_invalid_schedule_is_refused():
    with pytest.raises(TrainingError, match="has no fraction"):
        parse_schedule("clm,maelm")
    with pytest.raises(TrainingError, match="add up to 0.8"):
        parse_schedule("clm:0.3,maelm:0.5")


def test_settings_are_used_by_the_objectives_that_have_them():
    plan = parse_schedule("maelm+mlm:0.5,clm:0.5")
    settings = resolve_settings(
        plan, {"decoder_layers": 1}, ["mask_ratio=0.3", "mlm.mask_ratio=0.4", "codons=yes"]
    )
    assert settings["maelm"]["decoder_layers"] == 1
    assert settings["maelm"]["mask_ratio"] == 0.3 and settings["mlm"]["mask_ratio"] == 0.4
    assert settings["maelm"]["codons"] is True and settings["clm"] == {}


@pytest.mark.parametrize(
    "given, message",
    [
        ("decoder_layers=2", "the objectives of this run have mlm.codons"),
        ("clm.mask_ratio=0.5", "the objectives of this run have"),
        ("mask_ratio", "the objectives of this run have"),
        ("mask_ratio=half", "'half' is not a number"),
        ("span=1.5", "'1.5' is not an integer"),
        ("codons=perhaps", "neither yes nor no"),
    ],
)
def test_settings_that_do_not_apply_are_refused(given, message):
    with pytest.raises(TrainingError, match=message):
        resolve_settings((Phase(1.0, {"mlm": 1.0}),), {}, [given])


@pytest.mark.parametrize(
    "settings", [{"mask_ratio": 0}, {"mask_ratio": 1}, {"span": 0}, {"random": 0.7, "kept": 0.4}]
)
def test_invalid_masking_is_refused(settings):
    with pytest.raises(TrainingError):
        objective_class("maelm").Options(**settings)


@pytest.mark.parametrize(
    "name, settings",
    [
        ("meap", {"mask_ratio": 1.0}),
        ("contrastive", {"temperature": 0.0}),
        ("supcon", {"temperature": -1.0}),
        ("supcon", {"genus": -0.1}),
        ("taxonomy", {"scale": 0.0}),
        ("distill", {"vectors": -1.0}),
    ],
)
def test_settings_without_meaning_are_refused(name, settings):
    with pytest.raises(TrainingError):
        objective_class(name).Options(**settings)
