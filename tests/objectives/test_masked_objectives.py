"""maelm with masks in the encoder, and the objectives on k-mers in models that merge k-mers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from objective_cases import (
    TINY,
    make,
    make_corpus,
    make_encoder,
    ragged,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
    with_tokens,
)

from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import MASK, PAD, SPECIAL_TOKENS
from barcodeembed.objectives.mlm import mask_similarity
from barcodeembed.objectives.plan import Phase, resolve_settings
from barcodeembed.objectives.pretraining import Pretraining

#: Two k-mers per token.
MERGED = replace(TINY, merge=2)

NAMES = ("maelm", "mlm", "clm", "meap", "slm", "wced")


def gradients(objective, encoder, batch) -> dict[str, float]:
    """Return the size of each gradient of the objective's own weights."""
    objective(encoder, to_torch(objective.prepare(batch, rng())))["loss"].backward()
    return {
        name: 0.0 if p.grad is None else float(p.grad.abs().sum())
        for name, p in objective.named_parameters()
    }


@pytest.mark.parametrize("batch", [ragged(), rectangle()], ids=["ragged", "rectangle"])
def test_encoder_masks_shows_the_encoder_what_mlm_shows(batch):
    control, mlm = make("maelm", encoder_masks=True), make("mlm")
    read = [
        seen_by_encoder(each, make_encoder(), each.prepare(batch, rng()))[0]
        for each in (control, mlm)
    ]
    assert torch.equal(*read)
    assert (read[0] == MASK).sum() == sum(
        np.rint((row != PAD).sum() * 0.5) for row in batch.tokens_BT
    )


def test_encoder_masks_predicts_the_same_targets_as_maelm():
    batch = ragged()
    control, plain = (
        make("maelm", encoder_masks=masks).prepare(batch, rng()) for masks in (True, False)
    )
    np.testing.assert_array_equal(control["predicted"], plain["predicted"])
    np.testing.assert_array_equal(control["classes"], plain["classes"])


@pytest.mark.parametrize("masks", [True, False], ids=["in the encoder", "in the decoder"])
def test_one_mask_embedding_learns(masks):
    """Either the encoder's [MASK] gets a gradient, or the decoder's mask vector, never both."""
    objective, encoder = make("maelm", encoder_masks=masks), make_encoder()
    sizes = gradients(objective, encoder, rectangle())
    assert (sizes["decoder.mask"] > 0) is not masks
    assert bool(encoder.tokens.weight.grad[MASK].any()) is masks
    assert sizes["decoder.project.weight"] > 0
    assert sizes["decoder.stack.blocks.0.attention.query_key_value.weight"] > 0


def test_encoder_masks_is_off_by_default_and_set_by_yes():
    plan = (Phase(1.0, {"maelm": 1.0}),)
    assert resolve_settings(plan, {})["maelm"]["encoder_masks"] is False
    assert resolve_settings(plan, {}, ["encoder_masks=yes"])["maelm"]["encoder_masks"] is True


@pytest.mark.parametrize(
    "batch", [ragged(merge=2), rectangle(merge=2)], ids=["ragged", "rectangle"]
)
@pytest.mark.parametrize("name", ["mlm", "maelm"])
def test_all_kmers_of_a_merged_token_are_hidden_together(name, batch):
    objective = make(name, config=MERGED)
    inputs = objective.prepare(batch, rng())
    hidden = np.zeros(batch.tokens_BT.size, bool)
    hidden[inputs["predicted"]] = True
    known = batch.tokens_BT > 3
    hidden = hidden.reshape(known.shape)
    both = known[:, ::2] & known[:, 1::2]
    assert (hidden[:, ::2] == hidden[:, 1::2])[both].all()
    tokens = (batch.tokens_BT[:, ::2] != PAD).sum(1)
    seen = seen_by_encoder(objective, make_encoder(MERGED), inputs)[0]
    shown = ((seen != PAD) & (seen != MASK)).sum(1).numpy()
    np.testing.assert_array_equal(shown, 2 * (tokens - np.rint(tokens * 0.5)))


@pytest.mark.parametrize("settings", [{}, {"encoder_masks": True}, {"random": 0.2, "kept": 0.2}])
def test_maelm_gives_a_merged_encoder_whole_tokens_at_their_positions(settings):
    batch, objective = ragged(merge=2), make("maelm", config=MERGED, **settings)
    inputs = objective.prepare(batch, rng())
    tokens = batch.tokens_BT.reshape(len(batch.rows), -1, 2)
    seen = inputs["visible"].reshape(len(batch.rows), -1, 2)
    assert seen.shape[:2] == inputs["visible_columns"].shape
    shown = 0
    for row, columns, whole in zip(seen, inputs["visible_columns"], tokens, strict=True):
        real = row[:, 0] != PAD
        same = (row[real] == whole[columns[real]]).all(1)
        masked = (row[real] == MASK).all(1)
        if not settings.get("random"):
            assert (same | masked).all()
        shown += same.sum()
    assert shown > 0


def test_clm_predicts_all_kmers_of_the_next_merged_token():
    batch = with_tokens(ragged(merge=2), np.array([[10, 11, 12, 13, 14, 15, PAD, PAD]]))
    inputs = make("clm", config=MERGED).prepare(batch, rng())
    assert inputs["predicted"].tolist() == [0, 1, 2, 3]
    assert (inputs["classes"] + 4).tolist() == [12, 13, 14, 15]


@pytest.mark.parametrize("name", NAMES)
def test_objectives_on_kmers_learn_in_a_merged_model(name):
    objective, encoder = make(name, config=MERGED).train(), make_encoder(MERGED).train()
    weights = [*encoder.parameters(), *objective.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=3e-3)
    batch, losses = rectangle(merge=2), []
    for _ in range(60):
        loss = objective(encoder, to_torch(objective.prepare(batch, rng())))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert abs(losses[0] - np.log(256)) < 0.5
    assert losses[-1] < 0.6 * losses[0]


def test_meap_masks_whole_merged_tokens():
    batch = rectangle(merge=2)
    seen = make("meap", config=MERGED, mask_ratio=0.4).prepare(batch, rng())["tokens"] == MASK
    tokens = batch.tokens_BT.shape[1] // 2
    assert (seen[:, ::2] == seen[:, 1::2]).all()
    assert (seen[:, ::2].sum(1) == round(0.4 * tokens)).all()


@pytest.mark.parametrize("keep", [1.0, 0.5])
def test_wced_predicts_each_kmer_of_a_merged_token_from_its_own_part(keep):
    batch, objective = ragged(merge=2), make("wced", config=MERGED, keep=keep)
    inputs = objective.prepare(batch, rng())
    kmers = batch.tokens_BT.reshape(len(batch.rows), -1, 2)
    at = (inputs["sequences"], inputs["predicted_positions"], inputs["parts"])
    np.testing.assert_array_equal(kmers[at] - SPECIAL_TOKENS, inputs["classes"])
    read = []
    objective.head.register_forward_hook(lambda module, args, out: read.append(args[0]))
    decoded = []
    objective.decoder.register_forward_hook(lambda module, args, out: decoded.append(out))
    objective(make_encoder(MERGED), to_torch(inputs))
    whole = decoded[0].view(len(read[0]), 2, -1)
    assert torch.equal(read[0], whole[torch.arange(len(whole)), inputs["parts"]])


def test_objectives_that_cannot_merge_say_so():
    plan = (Phase(1.0, {"ngram": 1.0}),)
    with pytest.raises(TrainingError, match="ngram predicts single k-mers"):
        Pretraining(make_encoder(MERGED), plan, resolve_settings(plan, {}), make_corpus())


def test_the_decoder_of_a_model_pooled_by_position_has_no_vectors():
    config = replace(MERGED, pooling="place", vector_width=24)
    objective, encoder = make("maelm", config=config), make_encoder(config)
    sizes = gradients(objective, encoder, rectangle(merge=2))
    assert sizes["head.weight"] > 0
    assert encoder.readout.weight.grad is None


# The mask embedding.


def test_singularity_moves_the_mask_embedding_and_nothing_else():
    objective, encoder = make("mlm", singularity=2.0), make_encoder()
    inputs = to_torch(objective.prepare(ragged(), rng()))
    found, plain = objective(encoder, inputs), make("mlm")(encoder, inputs)
    expected = plain["loss"] + 2 * found["mask_similarity"]
    torch.testing.assert_close(found["loss"], expected)
    assert "mask_similarity" not in plain
    found["mask_similarity"].backward()
    moved = encoder.tokens.weight.grad.abs().sum(1).nonzero().flatten()
    assert moved.tolist() == [MASK]
    assert all(p.grad is None for p in objective.parameters())


def test_the_mask_similarity_is_one_for_a_kmer_and_zero_across_all():
    table = torch.zeros(SPECIAL_TOKENS + 3, 4)
    table[SPECIAL_TOKENS:, :2] = torch.tensor([[1.0, 0], [-3, 0], [0, 2]])
    for mask, expected in (([5.0, 0, 0, 0], 2 / 3), ([0, 1, 0, 0], 1 / 3), ([0, 0, 1, 1], 0)):
        table[MASK] = torch.tensor(mask)
        assert mask_similarity(table).item() == pytest.approx(expected, abs=1e-6)


def test_a_negative_singularity_is_refused():
    with pytest.raises(TrainingError, match="singularity is -1"):
        make("mlm", singularity=-1)
