"""The courses: what the encoder reads in each, what it judges, and who learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from objective_cases import (
    losses_on_a_repeated_batch,
    make,
    make_encoder,
    ragged,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
)

from barcodeembed.model.tokenizer import MASK, PAD, SPECIAL_TOKENS, UNKNOWN
from barcodeembed.objectives.courses import correction, insert_masks, swap


@pytest.mark.parametrize("batch", [ragged(), rectangle()], ids=["ragged", "rectangle"])
def test_each_course_reads_the_whole_batch_and_never_a_mask(batch):
    objective = make("courses")
    passes = seen_by_encoder(objective, make_encoder(), objective.prepare(batch, rng()))
    assert len(passes) == 3
    for seen in passes:
        assert not (seen == MASK).any()
        np.testing.assert_array_equal(seen == PAD, batch.tokens_BT == PAD)


def test_swapped_tokens_come_from_the_same_barcode_and_have_other_positions():
    tokens = SPECIAL_TOKENS + np.arange(200).reshape(4, 50)  # all different
    chosen = rng().random(tokens.shape) < 0.3
    chosen[3] = np.arange(50) == 7  # a single token has no other to exchange with
    swapped = swap(tokens, chosen, rng(1))
    np.testing.assert_array_equal(np.sort(swapped, 1), tokens)
    np.testing.assert_array_equal((swapped != tokens)[:3], chosen[:3])
    np.testing.assert_array_equal(swapped[3], tokens[3])
    assert (swap(tokens, chosen, rng(2)) != swapped).any()


def test_an_insertion_pushes_the_rest_on_and_cuts_off_the_end():
    tokens = np.array([[10, 11, 12, 13, 14], [20, 21, UNKNOWN, PAD, PAD]])
    chosen = np.array([[0, 1, 0, 1, 0], [1, 0, 0, 0, 0]], bool)
    expected = [[10, MASK, 11, 12, MASK], [MASK, 20, 21, PAD, PAD]]
    assert insert_masks(tokens, chosen).tolist() == expected


def test_the_label_is_true_exactly_for_inserted_and_swapped_tokens():
    batch = ragged()
    inputs = make("courses").prepare(batch, rng())
    inserted = inputs["inserted"].reshape(-1)
    judged = inputs["inserted_judged"]
    np.testing.assert_array_equal(inputs["inserted_altered"], inserted[judged] == MASK)
    assert not np.isin(inserted[judged], (PAD, UNKNOWN)).any()
    judged = inputs["swapped_judged"]
    differs = (inputs["swapped"] != batch.tokens_BT).reshape(-1)[judged]
    np.testing.assert_array_equal(inputs["swapped_altered"], differs)
    for course in ("swapped", "inserted"):
        assert 0.05 < inputs[f"{course}_altered"].mean() < 0.2


def test_each_course_trains_the_encoder_and_its_own_head_but_not_the_generator():
    objective, encoder = make("courses"), make_encoder()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    for course in ("swapped", "inserted"):
        objective.zero_grad(set_to_none=True)
        encoder.zero_grad(set_to_none=True)
        objective(encoder, inputs)[f"{course}_loss"].backward()
        assert encoder.tokens.weight.grad.abs().sum() > 0
        trained = {name for name, p in objective.named_parameters() if p.grad is not None}
        assert trained == {f"heads.{course}.weight", f"heads.{course}.bias"}


def test_the_loss_is_that_of_rtd_and_the_courses_together():
    objective, encoder = make("courses").eval(), make_encoder().eval()
    found = objective(encoder, to_torch(objective.prepare(rectangle(), rng())))
    detections = sum(found[f"{c}_loss"] for c in ("detection", "swapped", "inserted"))
    expected = found["generator_loss"] + objective.options.detection_weight * detections
    np.testing.assert_allclose(found["loss"].item(), expected.item(), rtol=1e-5)


def test_the_courses_learn():
    losses = losses_on_a_repeated_batch(make("courses"), steps=20)
    assert losses[-1] < 0.9 * losses[0]


def test_the_second_pass_masks_the_kmers_that_were_judged_worst():
    batch = rectangle()
    inputs = to_torch(make("courses", corrects="yes").prepare(batch, rng()))
    losses = torch.zeros(len(inputs["judged"]))
    wrong = torch.arange(len(inputs["masked"])) * 3 + 1
    losses[wrong] = 1.0
    again = correction(inputs, losses)
    expected = inputs["judged"][wrong]
    assert set(again["masked"].tolist()) == set(expected.tolist())
    hidden = torch.nonzero((again["generator_tokens"] == MASK).flatten()).flatten()
    assert torch.equal(hidden, expected.sort().values)
    assert torch.equal(
        inputs["tokens"].flatten()[again["masked"]], again["classes"] + SPECIAL_TOKENS
    )


def test_the_second_pass_reads_no_masks_and_trains_the_generator_too():
    objective, encoder = make("courses", corrects="yes"), make_encoder()
    inputs = objective.prepare(rectangle(), rng())
    passes = seen_by_encoder(objective, encoder, inputs)
    assert len(passes) == 4 and not any((seen == MASK).any() for seen in passes)
    found = objective(encoder, to_torch(inputs))
    found["again_generator_loss"].backward()
    assert objective.generator.head.weight.grad.any()
    once = make("courses")(encoder, to_torch(inputs))
    torch.testing.assert_close(found["loss"], once["loss"] + found["again_loss"])
