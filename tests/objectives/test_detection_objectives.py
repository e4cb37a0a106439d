"""The objectives that replace tokens: what the encoder reads, and what it must predict."""

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
from barcodeembed.model.config import PRESETS
from barcodeembed.model.tokenizer import CLASS, MASK, PAD, SPECIAL_TOKENS, UNKNOWN
from barcodeembed.objectives import objective_class
from barcodeembed.objectives.crts import Alternatives, cluster_kmers, sample_tokens
from barcodeembed.objectives.rtd import SHARING, sample
from barcodeembed.objectives.substitution import detection_losses

NAMES = ("rtd", "rts", "crts", "slm")
DETECTING = ("rtd", "rts", "crts")
#: Two k-mers per token.
MERGED = replace(TINY, merge=2)
#: Objectives that choose substitutes in ``prepare``, and so never the original.
SUBSTITUTING = ("rts", "crts", "slm")


def big_batch():
    """Return 300 barcodes without padding, with 1 % N."""
    return rectangle(make_corpus(rows=400), size=300)


def without_dropout(name: str, **settings):
    return make(name, **settings).eval(), make_encoder().eval()


def is_kmer(tokens):
    return tokens >= SPECIAL_TOKENS


# What the encoder reads


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [ragged(), rectangle()], ids=["ragged", "rectangle"])
def test_the_encoder_reads_every_token_and_never_a_mask(name, batch):
    objective, encoder = make(name), make_encoder()
    (seen,) = seen_by_encoder(objective, encoder, objective.prepare(batch, rng()))
    assert seen.shape == batch.tokens_BT.shape
    assert not (seen == MASK).any()
    special = ~is_kmer(batch.tokens_BT)
    assert (batch.tokens_BT == UNKNOWN).any()
    np.testing.assert_array_equal(seen.numpy()[special], batch.tokens_BT[special])
    assert is_kmer(seen.numpy()[~special]).all()


@pytest.mark.parametrize("name", SUBSTITUTING)
@pytest.mark.parametrize("ratio", [0.15, 0.4])
def test_the_given_fraction_is_replaced(name, ratio):
    """Substitutes differ from the originals. Otherwise fewer tokens would change."""
    corpus = make_corpus()
    corpus.codes[corpus.codes == 4] = 0
    batch = ragged(corpus)
    inputs = make(name, replace_ratio=ratio).prepare(batch, rng())
    lengths = (batch.tokens_BT != PAD).sum(1)
    replaced = (inputs["tokens"] != batch.tokens_BT).sum(1)
    np.testing.assert_array_equal(replaced, np.rint(ratio * lengths))


@pytest.mark.parametrize("name", ["rts", "slm"])
def test_any_other_kmer_may_be_the_substitute(name):
    batch = big_batch()
    shown = make(name, replace_ratio=0.5).prepare(batch, rng())["tokens"]
    changed = shown != batch.tokens_BT
    counts = np.bincount((shown - batch.tokens_BT)[changed] % 256, minlength=256)
    assert counts[0] == 0
    expected = counts.sum() / 255
    assert (((counts[1:] - expected) ** 2) / expected).sum() < 360  # 1 in 10^5 of chi2(254)


# What it must predict


@pytest.mark.parametrize("name", ["rts", "crts"])
def test_the_label_is_true_exactly_if_the_token_is_replaced(name):
    batch = ragged()
    inputs = make(name).prepare(batch, rng())
    judged = inputs["judged"]
    np.testing.assert_array_equal(judged, np.flatnonzero(is_kmer(batch.tokens_BT)))
    differs = inputs["tokens"].reshape(-1)[judged] != batch.tokens_BT.reshape(-1)[judged]
    assert differs.any() and not differs.all()
    np.testing.assert_array_equal(inputs["replaced"], differs)


def test_slm_predicts_the_originals_of_the_replaced():
    batch = ragged()
    inputs = make("slm").prepare(batch, rng())
    changed = np.flatnonzero(inputs["tokens"] != batch.tokens_BT)
    np.testing.assert_array_equal(inputs["predicted"], changed)
    originals = batch.tokens_BT.reshape(-1)[changed] - SPECIAL_TOKENS
    np.testing.assert_array_equal(inputs["classes"], originals)


def test_detection_is_judged_as_a_binary_choice():
    logits = torch.tensor([2.0, -1.0, 0.5, -3.0, -0.2])
    replaced = torch.tensor([True, True, False, False, False])
    found = detection_losses(logits, replaced)
    odds = torch.sigmoid(logits)
    expected = -torch.where(replaced, odds, 1 - odds).log().mean()
    torch.testing.assert_close(found["loss"], expected)
    assert found["accuracy"].item() == pytest.approx(3 / 5)
    assert found["recall"].item() == pytest.approx(1 / 2)


def test_with_nothing_replaced_recall_is_zero_and_finite():
    found = detection_losses(torch.tensor([-1.0, 1.0]), torch.tensor([False, False]))
    assert found["recall"].item() == 0 and found["accuracy"].item() == 0.5


# Clusters


def test_kmers_with_the_same_neighbours_are_clustered():
    """Each of the sites 0, 1, 2, ... of a gene has eight variants. A cluster is a site."""
    variants, sites = 8, 6
    drawn = rng().integers(0, variants, (2_000, sites))
    tokens = SPECIAL_TOKENS + drawn + variants * np.arange(sites)
    found = cluster_kmers(tokens, 256, sites, rng(1))
    seen = found[: variants * sites].reshape(sites, variants)
    assert (seen == seen[:, :1]).all() and len(np.unique(seen)) == sites
    unseen = found[variants * sites :]
    assert len(np.unique(unseen)) == len(unseen) and not np.isin(unseen, seen).any()


def test_crts_substitutes_come_from_the_kmers_own_cluster():
    batch = big_batch()
    objective = make("crts", batch.corpus, replace_ratio=0.5, clusters=20)
    shown = objective.prepare(batch, rng())["tokens"]
    changed = shown != batch.tokens_BT
    cluster = objective.alternatives.cluster_V
    assert len(np.unique(cluster)) == 20 and changed.sum() > 1_000
    before, after = (tokens[changed] - SPECIAL_TOKENS for tokens in (batch.tokens_BT, shown))
    np.testing.assert_array_equal(cluster[before], cluster[after])


def test_alternatives_are_drawn_as_often_as_the_corpus_has_them():
    cluster = np.array([1, 0, 1, 1, 2, 0])
    counts = np.array([99, 9, 299, 599, 0, 0])  # the weights are one more
    drawn = Alternatives(cluster, counts).draw(np.zeros(40_000, np.int64), rng())
    shares = np.bincount(drawn, minlength=6) / len(drawn)
    np.testing.assert_allclose(shares, np.array([0, 0, 300, 600, 0, 0]) / 900, atol=0.01)
    drawn = Alternatives(cluster, counts).draw(np.full(40_000, 2), rng())
    shares = np.bincount(drawn, minlength=6) / len(drawn)
    np.testing.assert_allclose(shares, np.array([100, 0, 0, 600, 0, 0]) / 700, atol=0.01)


def test_a_kmer_alone_in_its_cluster_is_replaced_by_any():
    cluster = np.array([1, 0, 1, 1, 2, 0])
    drawn = Alternatives(cluster, np.full(6, 7)).draw(np.full(40_000, 4), rng())
    shares = np.bincount(drawn, minlength=6) / len(drawn)
    np.testing.assert_allclose(shares, np.array([1, 1, 1, 1, 0, 1]) / 5, atol=0.01)


def test_mining_is_the_same_every_time_and_draws_nothing_from_torch():
    one, other = (make("crts", clusters=20) for _ in range(2))
    np.testing.assert_array_equal(one.alternatives.cluster_V, other.alternatives.cluster_V)
    torch.testing.assert_close(one.head.weight, make("rts").head.weight)


def test_a_corpus_of_only_n_has_no_clusters_but_works():
    corpus = make_corpus()
    corpus.codes[:] = 4
    objective = make("crts", corpus)
    batch = ragged()
    shown = objective.prepare(batch, rng())["tokens"]
    assert len(np.unique(objective.alternatives.cluster_V)) == 256
    assert (shown != batch.tokens_BT).any()


# The generator


def test_a_sampled_token_equal_to_the_original_counts_as_original():
    """A generator that always samples one k-mer replaces all masked tokens except this k-mer."""
    objective, encoder, batch = make("rtd", replace_ratio=0.9), make_encoder(), big_batch()
    certain = batch.tokens_BT[0, 0] - SPECIAL_TOKENS
    torch.nn.init.zeros_(objective.generator.head.weight)
    objective.generator.head.bias.data[certain] = 1e4
    inputs = objective.prepare(batch, rng())
    assert (inputs["classes"] == certain).sum() > 10
    (seen,) = seen_by_encoder(objective, encoder, inputs)
    # A head that calls every token replaced shows the labels by its accuracy.
    torch.nn.init.zeros_(objective.head.weight)
    objective.head.bias.data.fill_(1.0)
    found = objective(encoder, to_torch(inputs))
    assert (seen.flatten()[inputs["masked"]] - SPECIAL_TOKENS == certain).all()
    replaced = (inputs["classes"] != certain).sum()
    assert found["accuracy"].item() == pytest.approx(replaced / len(inputs["judged"]))
    assert found["recall"].item() == 1


def test_samples_follow_the_generators_distribution():
    logits = torch.tensor([0.0, -np.inf, 1.5, -2.0, 3.0, -np.inf])
    count = 100_000
    uniform = torch.from_numpy(rng().random(count, np.float32))
    drawn = sample(logits.expand(count, -1), uniform)
    expected = logits.softmax(0).numpy() * count
    counts = np.bincount(drawn.numpy(), minlength=6)
    assert counts[[1, 5]].sum() == 0
    possible = expected > 0
    distance = (counts - expected)[possible] ** 2 / expected[possible]
    assert distance.sum() < 21  # 1 in 10^4 of chi2(3)


def test_the_ends_of_the_unit_interval_sample_possible_kmers():
    logits = torch.full((3, 4096), -np.inf)
    logits[:, 5:4000] = torch.randn(3, 3995, generator=torch.Generator().manual_seed(0))
    ends = torch.tensor([0.0, float(np.nextafter(np.float32(1), np.float32(0))), 0.5])
    drawn = sample(logits, ends)
    assert ((drawn >= 5) & (drawn < 4000)).all()


def test_the_generator_does_not_see_masked_kmers():
    """Its logits do not depend on the masked k-mers."""
    objective, encoder = without_dropout("rtd", sharing="none")
    batch = ragged()
    inputs = objective.prepare(batch, rng())
    changed = batch.tokens_BT.copy()
    changed.reshape(-1)[inputs["masked"]] = SPECIAL_TOKENS
    other = objective.prepare(with_tokens(batch, changed), rng())
    logits = []
    objective.generator.register_forward_hook(lambda module, args, out: logits.append(out))
    for arrays in (inputs, other):
        objective(encoder, to_torch(arrays))
    np.testing.assert_array_equal(inputs["masked"], other["masked"])
    assert (inputs["classes"] != other["classes"]).any()
    assert torch.equal(*logits)


@pytest.mark.parametrize("sharing", SHARING)
def test_the_generators_gradient_reaches_the_shared_table_only_where_it_is_tied(sharing):
    objective, encoder = make("rtd", sharing=sharing), make_encoder()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    objective(encoder, inputs)["generator_loss"].backward()
    table = encoder.tokens.weight.grad
    assert (table is not None and table.abs().sum() > 0) == (sharing == "tied")
    assert all(p.grad is None for p in encoder.stack.parameters())
    assert all(p.grad is not None for p in objective.generator.parameters())


@pytest.mark.parametrize("sharing", SHARING)
def test_detection_teaches_the_encoder_and_not_the_generator(sharing):
    objective, encoder = make("rtd", sharing=sharing), make_encoder()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    objective(encoder, inputs)["detection_loss"].backward()
    assert encoder.tokens.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in objective.generator.parameters())


@pytest.mark.parametrize("sharing, moves", [("none", False), ("tied", True), ("gdes", True)])
def test_a_generator_that_shares_reads_the_encoders_table(sharing, moves):
    objective, encoder = without_dropout("rtd", sharing=sharing)
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    before = objective(encoder, inputs)["generator_loss"]
    torch.nn.init.normal_(encoder.tokens.weight)
    after = objective(encoder, inputs)["generator_loss"]
    assert (before != after) == moves


def test_the_encoder_reads_the_generators_table_and_differences_of_its_own():
    """After a step, its table has the change of the generator's and that of its own gradient."""
    objective, encoder = make("rtd", sharing="deberta").train(), make_encoder()
    table, own = encoder.tokens.weight, objective.generator.given.table.weight
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    before = table.detach().clone()
    losses = objective(encoder, inputs)
    assert torch.equal(table, before) and torch.equal(own, before)
    losses["loss"].backward()
    detection, generation = table.grad.clone(), own.grad.clone()
    assert detection.any() and generation.any()
    torch.optim.SGD([table, own], lr=0.1).step()
    objective(encoder, inputs)
    torch.testing.assert_close(table.detach(), before - 0.1 * detection - 0.1 * generation)
    resumed = make("rtd", sharing="deberta").train()
    resumed.load_state_dict(objective.state_dict())
    now = table.detach().clone()
    resumed(encoder, inputs)
    objective.eval()(encoder, inputs)
    assert torch.equal(table, now)


def test_the_loss_is_the_generators_and_the_weighted_detection():
    objective, encoder = without_dropout("rtd", detection_weight=7)
    found = objective(encoder, to_torch(objective.prepare(rectangle(), rng())))
    total = found["generator_loss"] + 7 * found["detection_loss"]
    torch.testing.assert_close(found["loss"], total)


def test_the_generator_is_as_narrow_and_shallow_as_asked():
    generator = make("rtd", generator_width=0.25, generator_layers=3).generator
    assert generator.stack.norm.weight.shape == (16,)
    assert len(generator.stack.blocks) == 3


# Merged k-mers


@pytest.mark.parametrize("name", DETECTING)
def test_each_kmer_of_a_merged_token_is_judged_by_its_own_part(name):
    objective, encoder = make(name, config=MERGED), make_encoder(MERGED)
    batch = rectangle(merge=2)
    inputs = objective.prepare(batch, rng())
    features, judged = [], []
    encoder.register_forward_hook(lambda m, args, out: features.append(out[0]))
    objective.head.register_forward_hook(lambda m, args, out: judged.append(args[0]))
    (seen,) = seen_by_encoder(objective, encoder, inputs)
    assert seen.shape == batch.tokens_BT.shape and not (seen == MASK).any()
    replaced = seen.numpy() != batch.tokens_BT
    assert (replaced[:, ::2] != replaced[:, 1::2]).any()
    parts = features[0].reshape(len(seen), -1, 2, MERGED.width // 2).flatten(0, 2)
    assert torch.equal(judged[0], parts[inputs["judged"]])


@pytest.mark.parametrize("sharing", SHARING)
def test_the_generator_of_a_merged_model_reads_merged_tokens(sharing):
    objective, encoder = make("rtd", config=MERGED, sharing=sharing), make_encoder(MERGED)
    inputs = to_torch(objective.prepare(rectangle(merge=2), rng()))
    seen = []
    objective.generator.stack.register_forward_hook(lambda m, args, out: seen.append(out))
    objective(encoder, inputs)["generator_loss"].backward()
    assert seen[0].shape[1] * 2 == inputs["tokens"].shape[1]
    assert all(p.grad is not None for p in objective.generator.parameters())


def test_all_courses_train_a_merged_model():
    objective, encoder = make("courses", config=MERGED, corrects=True), make_encoder(MERGED)
    inputs = to_torch(objective.prepare(rectangle(size=4, merge=2), rng()))
    objective(encoder, inputs)["loss"].backward()
    assert all(p.grad.any() for p in objective.heads.parameters())
    assert encoder.tokens.weight.grad.any()


def test_the_neighbours_of_kmers_are_those_of_whole_barcodes_in_a_merged_model():
    config = replace(MERGED, max_tokens=20)
    tokens = sample_tokens(make_corpus(shortest=150), config, rng())
    assert tokens.shape[1] > config.max_tokens and (tokens != PAD).sum(1).min() > config.max_tokens


# Settings


@pytest.mark.parametrize(
    "name, settings, message",
    [
        ("rts", {"replace_ratio": 0.0}, "replace_ratio is 0.0"),
        ("slm", {"replace_ratio": 1.0}, "replace_ratio is 1.0"),
        ("crts", {"replace_ratio": 1.5}, "replace_ratio is 1.5"),
        ("crts", {"clusters": 0}, "clusters is 0"),
        ("rtd", {"replace_ratio": -0.1}, "replace_ratio is -0.1"),
        ("rtd", {"sharing": "both"}, "sharing is 'both', not one of"),
        ("rtd", {"generator_width": 1.5}, "generator_width is 1.5"),
        ("rtd", {"generator_layers": 0}, "generator_layers is 0"),
        ("rtd", {"detection_weight": 0.0}, "detection_weight is 0.0"),
    ],
)
def test_invalid_settings_are_refused(name, settings, message):
    with pytest.raises(TrainingError, match=message):
        objective_class(name).Options(**settings)


# Properties of all these objectives


@pytest.mark.parametrize("name", NAMES)
def test_the_same_generator_gives_the_same_losses(name):
    objective, encoder = without_dropout(name)
    batch = ragged()
    one, same, other = (
        objective(encoder, to_torch(objective.prepare(batch, rng(seed)))) for seed in (3, 3, 4)
    )
    assert one == same
    assert one["loss"] != other["loss"]


@pytest.mark.parametrize("name", NAMES)
def test_padding_the_batch_changes_no_loss(name):
    objective, encoder = without_dropout(name)
    inputs = objective.prepare(ragged(rows=1), rng())
    # Both must replace the same tokens, so only the arrays are padded.
    wider = dict(inputs, padded=True)
    for key in {"tokens", "generator_tokens"} & inputs.keys():
        wider[key] = np.pad(inputs[key], ((0, 0), (0, 11)), constant_values=PAD)
    wider["positions"] = np.arange(wider["tokens"].shape[1])[None]
    found, wide = (objective(encoder, to_torch(arrays)) for arrays in (inputs, wider))
    for key in found:
        torch.testing.assert_close(found[key], wide[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", ["small", "barcodemae"])
def test_the_feature_of_a_class_token_is_not_judged(name, preset):
    """Only the features of k-mers are judged."""
    shape = PRESETS[preset].model.to_json() | {
        "k": 4,
        "width": 32,
        "layers": 1,
        "heads": 2,
        "feed_forward_width": 64,
        "pooling": "class",
        "dropout": 0.0,
    }
    config = type(TINY)(**shape)
    objective, encoder = make(name, config=config), make_encoder(config)
    inputs = objective.prepare(ragged(), rng())
    features, judged = [], []
    encoder.register_forward_hook(lambda m, args, out: features.append(out[0]))
    objective.head.register_forward_hook(lambda m, args, out: judged.append(args[0]))
    (seen,) = seen_by_encoder(objective, encoder, inputs)
    assert (seen[:, 0] == CLASS).all() and not (seen == MASK).any()
    indices = inputs["predicted" if name == "slm" else "judged"]
    assert torch.equal(judged[0], features[0][:, 1:].flatten(0, 1)[indices])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_replace_is_no_loss_and_no_gradient(name):
    objective, encoder = make(name), make_encoder()
    found = objective(encoder, to_torch(objective.prepare(all_unknown(), rng())))
    assert all(value.item() == 0 for value in found.values())
    found["loss"].backward()
    weights = [*objective.parameters(), *encoder.parameters()]
    assert all(p.grad is None or not p.grad.any() for p in weights)


@pytest.mark.parametrize("name", ["rts", "crts"])
def test_detection_begins_at_the_loss_of_guessing_and_learns(name):
    """The last loss is far below 0.42 nats, the entropy of a replaced fraction of 0.15."""
    losses = losses_on_a_repeated_batch(make(name), steps=120)
    assert abs(losses[0] - np.log(2)) < 0.2
    assert losses[-1] < 0.1


def test_slm_begins_at_the_loss_of_guessing_and_learns():
    losses = losses_on_a_repeated_batch(make("slm"), steps=120)
    assert abs(losses[0] - np.log(256)) < 0.5
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("sharing", ["none", "tied", "gdes"])
def test_rtd_teaches_both_the_generator_and_the_encoder(sharing):
    objective = make("rtd", sharing=sharing)
    found = []
    objective.register_forward_hook(lambda module, args, out: found.append(out))
    losses_on_a_repeated_batch(objective, steps=120)
    first, last = found[0], found[-1]
    assert abs(first["generator_loss"].item() - np.log(256)) < 0.5
    assert last["generator_loss"] < 0.7 * first["generator_loss"]
    assert abs(first["detection_loss"].item() - np.log(2)) < 0.2
    assert last["detection_loss"] < 0.2
    # A detector that has only learned how many tokens are replaced detects none.
    assert np.mean([each["recall"].item() for each in found[-10:]]) > 0.5
