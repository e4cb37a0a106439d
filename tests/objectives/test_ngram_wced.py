"""N-gram masking hides and predicts n-grams; wced reads only the pooled vector."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from objective_cases import (
    PLANTED,
    TINY,
    all_unknown,
    losses_on_a_repeated_batch,
    make,
    make_corpus,
    make_encoder,
    other_kmers,
    planted_corpus,
    ragged,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
    with_tokens,
)

from barcodeembed.corpus import lexicon as lexicon_module
from barcodeembed.corpus.lexicon import (
    Lexicon,
    mine_lexicon,
    number_grams,
    sample_tokens,
    score_grams,
)
from barcodeembed.corpus.masking import choose_hidden
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.tokenizer import MASK, PAD, SPECIAL_TOKENS, UNKNOWN, KmerTokenizer
from barcodeembed.objectives import objective_class
from barcodeembed.objectives.ngram import hide_units, segment

K = TINY.k
CLASS_POOLED = ModelConfig(**{**TINY.to_json(), "pooling": "class"})


def spelt(lexicon: Lexicon, number: int) -> list[int]:
    """Return the tokens of the n-gram of this number."""
    for n, keys in enumerate(lexicon.grams, 2):
        if number < len(keys):
            digits = [int(keys[number]) >> 2 * K * i & 4**K - 1 for i in reversed(range(n))]
            return [digit + SPECIAL_TOKENS for digit in digits]
        number -= len(keys)
    raise AssertionError("no n-gram has this number")


def read_back(inputs: dict, row: int) -> list[tuple[int, int]]:
    """Return (token, position) of every token of a sequence that the encoder reads."""
    read = zip(inputs["tokens"][row].tolist(), inputs["positions"][row].tolist(), strict=True)
    return [(token, position) for token, position in read if token != PAD]


def hidden_units(objective, inputs: dict) -> dict[tuple[int, int], list[int]]:
    """Return the target tokens of each mask, by row and position."""
    positions, width = inputs["positions"].reshape(-1), inputs["tokens"].shape[1]
    units: dict[tuple[int, int], list[int]] = {}
    predicted = zip(inputs["predicted"], inputs["offsets"], inputs["classes"], strict=True)
    for index, offset, kmer in predicted:
        unit = units.setdefault((int(index) // width, int(positions[index])), [])
        assert offset == len(unit)
        unit.append(int(kmer) + SPECIAL_TOKENS)
    return units


# The lexicon.


def test_the_lexicon_holds_a_planted_ngram_and_spells_it():
    lexicon = mine_lexicon(planted_corpus(), KmerTokenizer(K), size=10, longest=3)
    tokens = KmerTokenizer(K).encode(PLANTED)
    ids, lengths = lexicon.find(tokens[None])
    assert lengths[0].tolist() == [3, 2, 1]
    assert spelt(lexicon, ids[0, 0]) == tokens.tolist()
    assert spelt(lexicon, ids[0, 1]) == tokens[1:].tolist()
    assert ids[0, 2] == -1


def test_t_agrees_with_counting_one_by_one():
    tokens = sample_tokens(planted_corpus(), KmerTokenizer(K)).tolist()
    singles = Counter(token for token in tokens if token >= SPECIAL_TOKENS)
    for n in (2, 3):
        windows = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
        counts = Counter(window for window in windows if min(window) >= SPECIAL_TOKENS)
        total = sum(counts.values())
        expected = {}
        for window, count in counts.items():
            fraction = count / total
            chance = np.prod([singles[token] / sum(singles.values()) for token in window])
            t = (fraction - chance) / np.sqrt(fraction * (1 - fraction) / total)
            if count > 1 and t > 0:
                expected[window] = t
        keys, scores = score_grams(np.array(tokens), n, K)
        lexicon = Lexicon(K, (*[np.empty(0, np.int64)] * (n - 2), keys))
        found = {tuple(spelt(lexicon, i)): score for i, score in enumerate(scores)}
        assert found.keys() == expected.keys()
        np.testing.assert_allclose([found[w] for w in expected], list(expected.values()))


def test_the_best_of_each_length_are_selected_in_equal_numbers():
    corpus = planted_corpus()
    tokens = sample_tokens(corpus, KmerTokenizer(K))
    lexicon = mine_lexicon(corpus, KmerTokenizer(K), size=11, longest=3)
    assert [len(keys) for keys in lexicon.grams] == [6, 5]
    for n, selected in enumerate(lexicon.grams, 2):
        keys, scores = score_grams(tokens, n, K)
        assert scores[np.isin(keys, selected)].min() >= scores[~np.isin(keys, selected)].max()


def test_a_small_sample_has_every_training_barcode_at_every_offset():
    corpus, tokenizer = make_corpus(rows=7), KmerTokenizer(K)
    expected = []
    for row in corpus.train:
        codes = corpus.codes[corpus.starts[row] :][: corpus.lengths[row]]
        bases = "".join("ACGTN"[code] for code in codes)
        for offset in range(K):
            expected += [*tokenizer.encode(bases[offset:]), PAD]
    assert sample_tokens(corpus, tokenizer).tolist() == expected


def test_a_large_corpus_is_sampled_evenly(monkeypatch):
    corpus = make_corpus(rows=12)
    cuts, whole = [], KmerTokenizer.encode_windows

    def spy(self, codes, starts, counts):
        cuts.extend(starts.tolist())
        return whole(self, codes, starts, counts)

    monkeypatch.setattr(KmerTokenizer, "encode_windows", spy)
    tokens_each = int(corpus.lengths[corpus.train].mean()) // K
    monkeypatch.setattr(lexicon_module, "_MAX_SAMPLE", 5 * tokens_each)
    sample_tokens(corpus, KmerTokenizer(K))
    expected = [corpus.starts[corpus.train[2 * i]] + i % K for i in range(5)]
    assert cuts == expected


def test_a_single_repeated_token_gives_an_empty_lexicon():
    """The variance of the only n-gram would be zero."""
    corpus = make_corpus()
    corpus.codes[:] = 0
    assert len(mine_lexicon(corpus, KmerTokenizer(K), size=10, longest=3)) == 0


# The n-gram objective.


def test_maximum_matching_takes_the_longest_and_goes_on_after_it():
    lengths = np.array([[1, 3, 2, 1, 2, 1, 1], [2, 2, 2, 1, 1, 1, 1]])
    assert segment(lengths).tolist() == [[0, 1, 1, 1, 4, 4, 6], [0, 0, 2, 2, 4, 5, 6]]


def test_units_are_hidden_whole_and_within_the_limit():
    draw = np.random.default_rng(5)
    lengths = draw.integers(1, 4, (200, 50))
    lengths[:, -2:] = 1
    tokens = np.full(lengths.shape, 9)
    tokens[:100, 40:] = PAD
    lengths[:100, 38:] = 1
    units = segment(lengths)
    hidden = hide_units(tokens, units, lengths, 0.3, draw)
    assert not hidden[tokens == PAD].any()
    for row in range(200):
        for unit in np.unique(units[row]):
            assert len(set(hidden[row, units[row] == unit])) == 1
    most = np.where(np.arange(200) < 100, 12, 15)
    assert (hidden.sum(1) <= most).all() and (hidden.sum(1) > most - 3).all()
    assert np.ptp(hidden[100:].mean(0)) < 0.35  # every position can be hidden


@pytest.mark.parametrize("whole", [True, False], ids=["ragged", "rectangle"])
def test_each_ngram_hides_under_one_mask_at_its_first_position(whole):
    corpus = planted_corpus()
    batch = ragged(corpus) if whole else rectangle(corpus)
    objective = make("ngram", corpus, lexicon=60, mask_ratio=0.5)
    inputs = objective.prepare(batch, rng())
    (seen,) = seen_by_encoder(objective, make_encoder(), inputs)
    np.testing.assert_array_equal(seen, inputs["tokens"])
    units, longer = hidden_units(objective, inputs), 0
    for row, tokens in enumerate(batch.tokens_BT.tolist()):
        rebuilt = []
        for token, position in read_back(inputs, row):
            assert position == len(
                rebuilt
            )  # positions are true although tokens before are left out
            unit = [token]
            if token == MASK:  # hidden but not predicted only if it has an N
                assert (row, position) in units or tokens[position] == UNKNOWN
                unit = units.get((row, position), [UNKNOWN])
            longer += len(unit) - 1
            rebuilt += unit
        assert rebuilt == [token for token in tokens if token != PAD]
    assert longer > len(batch.rows)
    read = (inputs["tokens"] != PAD).sum()
    assert read == (batch.tokens_BT != PAD).sum() - longer


def test_the_predicted_ids_agree_with_the_hidden_tokens():
    corpus = planted_corpus()
    objective = make("ngram", corpus, lexicon=60, mask_ratio=0.5)
    inputs = objective.prepare(rectangle(corpus), rng())
    positions, width = inputs["positions"].reshape(-1), inputs["tokens"].shape[1]
    named = {
        (int(index) // width, int(positions[index])): spelt(objective.lexicon, number)
        for index, number in zip(inputs["grams"], inputs["ids"], strict=True)
    }
    units = hidden_units(objective, inputs)
    assert named == {where: unit for where, unit in units.items() if len(unit) > 1}
    assert {len(unit) for unit in units.values()} == {1, 2, 3}


def test_ngram_hides_its_targets_from_everything():
    """Other tokens under the same masks, n-grams replaced by n-grams, change no logit."""
    objective, encoder = make("ngram", mask_ratio=0.5).eval(), make_encoder()
    one, other = [20, 21], [30, 31]
    objective.lexicon = Lexicon(K, (number_grams(np.array([one, other]), 2, K)[:, 0],))
    tokens = rng().integers(100, 200, (6, 40))
    tokens[:, 4:6] = tokens[:, 11:13] = tokens[:, 30:32] = one
    batch = with_tokens(rectangle(), tokens)
    inputs = objective.prepare(batch, rng())
    changed = tokens.copy()
    for (row, position), unit in hidden_units(objective, inputs).items():
        instead = other if len(unit) == 2 else other_kmers(np.array(unit))
        changed[row, position : position + len(unit)] = instead
    swapped = objective.prepare(with_tokens(batch, changed), rng())
    logits = []
    for head in (objective.head, objective.gram_head):
        head.register_forward_hook(lambda module, args, out: logits.append(out))
    for arrays in (inputs, swapped):
        objective(encoder, to_torch(arrays))
    assert len(inputs["ids"]) and (inputs["ids"] == 0).all() and (swapped["ids"] == 1).all()
    assert (inputs["classes"] != swapped["classes"]).all()
    # Logits of tokens and of ids, for one batch and then for the other.
    assert torch.equal(logits[0], logits[2]) and torch.equal(logits[1], logits[3])


def test_what_an_offset_changes_depends_on_the_mask():
    """The logits of an n-gram's second token are not a fixed shift of those of its first."""
    corpus = planted_corpus()
    objective, encoder = make("ngram", corpus, lexicon=60).eval(), make_encoder().eval()
    # As after training: large weights, and different features for each mask.
    for weight in (objective.offsets.weight, objective.transform[0].weight):
        torch.nn.init.normal_(weight)
    encoder.register_forward_hook(lambda module, args, out: (torch.randn_like(out[0]), out[1]))
    inputs = objective.prepare(rectangle(corpus), rng())
    logits = []
    objective.head.register_forward_hook(lambda module, args, out: logits.append(out))
    objective(encoder, to_torch(inputs))
    second = np.flatnonzero(inputs["offsets"] == 1)
    assert (inputs["predicted"][second] == inputs["predicted"][second - 1]).all()
    shifts = logits[0][second] - logits[0][second - 1]
    assert len(shifts) > 1
    assert (shifts.std(1) > 0.01).all() and (shifts.std(0) > 0.01).all()


# The bottleneck.


@pytest.mark.parametrize("config", [TINY, CLASS_POOLED], ids=["mean", "class"])
def test_wced_sees_nothing_but_the_pooled_vector(config):
    """Different features with the same pooled vector change no logit."""
    objective, encoder = make("wced", config=config).eval(), make_encoder(config).eval()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    logits = []
    objective.head.register_forward_hook(lambda module, args, out: logits.append(out))
    objective(encoder, inputs)

    def replace(module, args, out):
        noise = torch.randn(out[0].shape, generator=torch.Generator().manual_seed(0))
        if config.class_token:
            noise[:, 0] = 0
        else:
            noise -= noise.mean(1, keepdim=True)
        return out[0] + noise, out[1]

    handle = encoder.register_forward_hook(replace)
    objective(encoder, inputs)
    torch.testing.assert_close(logits[0], logits[1], rtol=1e-4, atol=1e-5)
    # A different vector changes them.
    handle.remove()
    encoder.register_forward_hook(lambda module, args, out: (out[0].flip(0), out[1]))
    objective(encoder, inputs)
    assert not torch.allclose(logits[0], logits[2], atol=1e-3)


@pytest.mark.parametrize("config", [TINY, CLASS_POOLED], ids=["mean", "class"])
def test_gradients_reach_the_encoder_only_through_pooling(config):
    objective, encoder = make("wced", config=config), make_encoder(config)
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    objective(encoder, inputs)["loss"].backward()
    assert encoder.tokens.weight.grad.abs().sum() > 0
    encoder.zero_grad(set_to_none=True)
    pool = encoder.pool
    encoder.pool = lambda *read: pool(*read).detach()
    objective(encoder, inputs)["loss"].backward()
    assert all(weight.grad is None for weight in encoder.parameters())


def test_wced_predicts_a_fraction_of_the_tokens_at_their_positions():
    batch = ragged()
    inputs = make("wced").prepare(batch, rng())
    lengths = (batch.tokens_BT != PAD).sum(1)
    found = batch.tokens_BT[inputs["sequences"], inputs["predicted_positions"]]
    assert (found == inputs["classes"] + SPECIAL_TOKENS).all()
    chosen = choose_hidden(batch.tokens_BT, 0.5, rng())
    np.testing.assert_array_equal(chosen.sum(1), np.rint(lengths * 0.5))
    assert len(found) == (chosen & (batch.tokens_BT >= SPECIAL_TOKENS)).sum()
    np.testing.assert_array_equal(inputs["tokens"], batch.tokens_BT)
    every = make("wced", predict_ratio=1.0).prepare(batch, rng())
    assert len(every["classes"]) == (batch.tokens_BT >= SPECIAL_TOKENS).sum()


def test_wced_can_leave_tokens_out_at_their_true_positions():
    batch = ragged()
    inputs = make("wced", keep=0.4).prepare(batch, rng())
    lengths = (batch.tokens_BT != PAD).sum(1)
    np.testing.assert_array_equal(
        (inputs["tokens"] != PAD).sum(1), lengths - np.rint((1 - 0.4) * lengths)
    )
    for row, tokens in enumerate(batch.tokens_BT):
        assert all(tokens[position] == token for token, position in read_back(inputs, row))


def test_wced_weights_the_kmers_that_were_read_and_the_others_apart():
    """The weighted mean of the losses of both."""
    losses = {}
    for weight in (0.0, 0.5, 1.0):
        objective = make("wced", keep=0.4, read_weight=weight)
        inputs = objective.prepare(rectangle(), rng())
        losses[weight] = objective(make_encoder(), to_torch(inputs))["loss"].item()
    read, count = inputs["read"].sum(), len(inputs["read"])
    of_read = (losses[1.0] * count - losses[0.0] * (count - read)) / read
    half = (0.5 * of_read * read + losses[0.0] * (count - read)) / (count - 0.5 * read)
    assert losses[0.5] == pytest.approx(half, rel=1e-5) and of_read != losses[0.0]


def test_a_narrow_wced_decoder_is_narrow():
    objective = make("wced", decoder_width=32)
    assert objective.head.in_features == objective.decoder.project.out_features == 32
    objective(make_encoder(), to_torch(objective.prepare(ragged(), rng())))
    with pytest.raises(TrainingError, match="decoder of width 63 is not possible"):
        make("wced", decoder_width=63)


# Both.


@pytest.mark.parametrize(
    "name, settings", [("ngram", {}), ("wced", {}), ("wced", {"keep": 0.5, "predict_ratio": 1.0})]
)
def test_both_learn(name, settings):
    losses = losses_on_a_repeated_batch(make(name, **settings), steps=120)
    assert losses[-1] < 0.3 * losses[0]


def test_both_begin_at_the_loss_of_guessing():
    wced, ngram = make("wced"), make("ngram")
    first = [losses_on_a_repeated_batch(objective, steps=1)[0] for objective in (wced, ngram)]
    expected = [np.log(256), np.log(256) + np.log(len(ngram.lexicon))]
    np.testing.assert_allclose(first, expected, atol=0.5)


def test_ngram_reports_both_predictions():
    corpus = planted_corpus()
    objective = make("ngram", corpus).eval()
    found = objective(make_encoder(), to_torch(objective.prepare(rectangle(corpus), rng())))
    assert found.keys() == {"loss", "accuracy", "id_loss", "id_accuracy"}
    assert 0 < found["id_loss"] < found["loss"]


@pytest.mark.parametrize("config", [TINY, CLASS_POOLED], ids=["mean", "class"])
@pytest.mark.parametrize("name, settings", [("ngram", {}), ("wced", {}), ("wced", {"keep": 0.5})])
def test_padding_the_batch_changes_no_loss(name, settings, config):
    objective, encoder = make(name, config=config, **settings).eval(), make_encoder(config).eval()
    inputs = objective.prepare(ragged(rows=1), rng())
    wider = dict(inputs, padded=True)
    wider["tokens"] = np.pad(inputs["tokens"], ((0, 0), (0, 11)), constant_values=PAD)
    wider["positions"] = np.pad(inputs["positions"], ((0, 0), (0, 11)))
    loss, wide = (objective(encoder, to_torch(arrays))["loss"] for arrays in (inputs, wider))
    torch.testing.assert_close(loss, wide, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ngram", "wced"])
def test_nothing_to_predict_is_no_loss_and_no_gradient(name):
    objective, encoder = make(name), make_encoder()
    result = objective(encoder, to_torch(objective.prepare(all_unknown(), rng())))
    assert result["loss"].item() == 0
    result["loss"].backward()
    weights = [*objective.parameters(), *encoder.parameters()]
    assert all(p.grad is None or not p.grad.any() for p in weights)


def test_without_any_ngram_single_tokens_are_hidden():
    corpus = make_corpus()
    corpus.codes[:] = 0
    objective, batch = make("ngram", corpus), rectangle(corpus)
    inputs = objective.prepare(batch, rng())
    assert len(objective.lexicon) == 0 and not len(inputs["ids"])
    assert inputs["tokens"].shape == batch.tokens_BT.shape
    objective(make_encoder(), to_torch(inputs))["loss"].backward()


@pytest.mark.parametrize(
    "name, settings",
    [
        ("ngram", {"mask_ratio": 0.0}),
        ("ngram", {"mask_ratio": 1.0}),
        ("ngram", {"longest": 1}),
        ("ngram", {"lexicon": 1, "longest": 3}),
        ("wced", {"keep": 0.0}),
        ("wced", {"keep": 1.1}),
        ("wced", {"read_weight": 0.5}),
        ("wced", {"predict_ratio": 0.0}),
        ("wced", {"decoder_width": -1}),
    ],
)
def test_invalid_settings_are_refused(name, settings):
    with pytest.raises(TrainingError):
        objective_class(name).Options(**settings)


def test_ngrams_too_long_to_be_numbered_are_refused():
    with pytest.raises(TrainingError, match="too long"):
        make("ngram", longest=8)
