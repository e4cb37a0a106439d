"""N-gram masking with a generator: what it proposes, what the encoder reads, and who learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from objective_cases import (
    TINY,
    losses_on_a_repeated_batch,
    make,
    make_corpus,
    make_encoder,
    planted_corpus,
    ragged,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
    with_tokens,
)

from barcodeembed.corpus.lexicon import mine_lexicon, number_grams
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import MASK, PAD, SPECIAL_TOKENS
from barcodeembed.objectives import objective_class

#: A text, as of --set, where the value must be converted.
SETTINGS = {"generator": "yes", "lexicon": 60, "mask_ratio": 0.5}


def generated(corpus=None):
    return make("ngram", corpus or planted_corpus(), **SETTINGS)


def test_the_kmers_of_a_lexicon_are_in_the_order_of_its_ids():
    lexicon = mine_lexicon(planted_corpus(), TINY.tokenizer, 61, 3)
    kmers, lengths = lexicon.kmers()
    tokens = kmers + SPECIAL_TOKENS
    for number, length in enumerate(lengths):
        ids, found = lexicon.find(tokens[number : number + 1, :length])
        assert (ids[0, 0], found[0, 0]) == (number, length)
    assert sorted(set(lengths)) == [2, 3]
    keys = number_grams(tokens[lengths == 3], 3, TINY.k)[:, 0]
    np.testing.assert_array_equal(keys, lexicon.grams[1])


@pytest.mark.parametrize("whole", [True, False], ids=["ragged", "rectangle"])
def test_the_encoder_reads_whole_sequences_and_the_generator_the_masks(whole):
    corpus = planted_corpus()
    batch = ragged(corpus) if whole else rectangle(corpus)
    objective, read = generated(corpus), []
    inputs = objective.prepare(batch, rng())
    hook = objective.generator.generator.differences.register_forward_hook
    hook(lambda module, args, out: read.append(args[0]))
    (seen,) = seen_by_encoder(objective, make_encoder(), inputs)
    plain = make("ngram", corpus, lexicon=60, mask_ratio=0.5).prepare(batch, rng())
    np.testing.assert_array_equal(read[0], plain["tokens"])
    assert (read[0] == MASK).any() and not (seen == MASK).any()
    assert seen.shape == batch.tokens_BT.shape
    hidden = np.r_[inputs["members"], inputs["whole_singles"]]
    unchanged = np.setdiff1d(np.arange(batch.tokens_BT.size), hidden)
    np.testing.assert_array_equal(
        seen.numpy().flat[unchanged], batch.tokens_BT.reshape(-1)[unchanged]
    )
    assert len(hidden) == len(plain["classes"])
    np.testing.assert_array_equal(inputs["whole_positions"], batch.positions_BT)


def test_the_generator_proposes_ngrams_of_the_lexicon_of_the_same_length():
    corpus = planted_corpus()
    objective, batch = generated(corpus), rectangle(corpus, size=30)
    inputs = objective.prepare(batch, rng())
    (seen,) = seen_by_encoder(objective, make_encoder(), inputs)
    flat, firsts, proposed = seen.flatten().numpy(), inputs["whole_grams"], 0
    kmers, lengths = objective.lexicon.kmers()
    in_lexicon = {tuple(row[:n]) for row, n in zip(kmers, lengths, strict=True)}
    for number, (first, own) in enumerate(zip(firsts, inputs["ids"], strict=True)):
        columns = inputs["members"][inputs["member_of"] == number]
        np.testing.assert_array_equal(columns, first + np.arange(lengths[own]))
        gram = tuple(flat[columns] - SPECIAL_TOKENS)
        assert gram in in_lexicon
        proposed += gram != tuple(kmers[own, : lengths[own]])
    assert proposed > len(firsts) / 2  # an untrained generator is seldom right
    assert set(lengths[inputs["ids"]]) == {2, 3}


def test_a_generator_that_is_always_right_replaces_nothing():
    corpus = planted_corpus()
    objective = generated(corpus)
    inputs = to_torch(objective.prepare(rectangle(corpus), rng()))
    tables = {"gram_head": inputs["ids"], "generator.head": inputs["single_classes"]}
    for name, classes in tables.items():
        layer = objective.generator.get_submodule(name)
        certain = torch.nn.functional.one_hot(classes, layer.out_features) * 1e4
        layer.register_forward_hook(lambda module, args, out, certain=certain: certain)
    (seen,) = seen_by_encoder(objective, make_encoder(), inputs)
    np.testing.assert_array_equal(seen, inputs["whole"])
    assert objective(make_encoder(), inputs)["generator_loss"] < 1e-3


def test_gradients_of_detection_do_not_reach_the_generator_nor_the_reverse():
    corpus = planted_corpus()
    objective, encoder = generated(corpus), make_encoder()
    inputs = to_torch(objective.prepare(rectangle(corpus), rng()))
    found = objective(encoder, inputs)
    found["detection_loss"].backward(retain_graph=True)
    assert all(p.grad is None for p in objective.generator.parameters())
    assert encoder.tokens.weight.grad.abs().sum() > 0
    encoder.zero_grad(set_to_none=True)
    found["generator_loss"].backward()
    assert all(p.grad is None for p in encoder.parameters())
    assert all(p.grad is not None for p in objective.generator.parameters())


def test_the_targets_are_those_of_ngram_without_a_generator():
    corpus = planted_corpus()
    batch = rectangle(corpus)
    inputs = generated(corpus).prepare(batch, rng())
    plain = make("ngram", corpus, lexicon=60, mask_ratio=0.5).prepare(batch, rng())
    for name, values in plain.items():
        np.testing.assert_array_equal(inputs[name], values)
    width = batch.tokens_BT.shape[1]
    own = inputs["whole_predicted"] + inputs["offsets"]
    tokens = batch.tokens_BT.reshape(-1)[own]
    np.testing.assert_array_equal(tokens, inputs["classes"] + SPECIAL_TOKENS)
    assert (inputs["whole_predicted"] // width == own // width).all()


def test_it_learns_and_works_without_any_ngram():
    losses = losses_on_a_repeated_batch(generated(), steps=20)
    assert losses[-1] < 0.9 * losses[0]
    corpus = make_corpus()
    corpus.codes[:] = 0
    objective = generated(corpus)
    assert len(objective.lexicon) == 0
    inputs = to_torch(objective.prepare(ragged(corpus), rng()))
    objective(make_encoder(), inputs)["loss"].backward()


def test_padding_is_never_proposed_for():
    corpus = planted_corpus()
    batch = ragged(corpus)
    tokens = batch.tokens_BT.copy()
    inputs = generated(corpus).prepare(with_tokens(batch, tokens), rng())
    assert (tokens == PAD).any()
    hidden = np.r_[inputs["members"], inputs["whole_singles"], inputs["judged"]]
    assert (tokens.reshape(-1)[hidden] >= SPECIAL_TOKENS).all()


def test_an_invalid_weight_is_refused():
    with pytest.raises(TrainingError, match="detection_weight is 0"):
        objective_class("ngram").Options(detection_weight=0)
