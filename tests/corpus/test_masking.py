"""Hidden tokens: number, uniformity and targets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barcodeembed.corpus.masking import choose_hidden, gather_rows, targets
from barcodeembed.model.tokenizer import PAD, SPECIAL_TOKENS, UNKNOWN


def padded(lengths: list[int]) -> np.ndarray:
    tokens = np.full((len(lengths), max(lengths)), PAD)
    for row, length in zip(tokens, lengths, strict=True):
        row[:length] = np.arange(length) + SPECIAL_TOKENS
    return tokens


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.floats(0.05, 0.95))
def test_the_hidden_fraction_is_exact_and_never_everything(lengths, ratio):
    tokens = padded(lengths)
    hidden = choose_hidden(tokens, ratio, np.random.default_rng(0))
    assert not (hidden & (tokens == PAD)).any()
    for row, length in zip(hidden, lengths, strict=True):
        wanted = round(ratio * length)
        assert row.sum() == min(max(wanted, min(1, length - 1)), length - 1)


def test_every_token_is_hidden_equally_often():
    tokens = padded([20] * 20_000)
    fraction = choose_hidden(tokens, 0.3, np.random.default_rng(1)).mean(0)
    assert np.abs(fraction - 0.3).max() < 4 * np.sqrt(0.3 * 0.7 / 20_000)


def test_tokens_are_hidden_in_proportion_to_their_weights():
    tokens = padded([4] * 40_000)
    weights = np.tile([1.0, 2, 5, 0], (len(tokens), 1))
    hidden = choose_hidden(tokens, 0.25, np.random.default_rng(2), weights_BT=weights)
    np.testing.assert_allclose(hidden.mean(0), [1 / 8, 2 / 8, 5 / 8, 0], atol=0.01)


def test_a_weight_of_zero_is_chosen_before_padding_only():
    tokens = padded([3, 9])
    hidden = choose_hidden(tokens, 0.6, np.random.default_rng(0), weights_BT=np.zeros((2, 9)))
    assert not hidden[tokens == PAD].any() and hidden.sum(1).tolist() == [2, 5]


def test_the_same_generator_hides_the_same_tokens():
    tokens = padded([30, 12])
    once, again = (choose_hidden(tokens, 0.5, np.random.default_rng(5)) for _ in range(2))
    assert (once == again).all()


@given(st.integers(0, 2**32 - 1))
def test_gathered_rows_keep_order_and_lose_nothing(seed):
    rng = np.random.default_rng(seed)
    values, chosen = rng.integers(0, 99, (4, 9)), rng.random((4, 9)) < 0.5
    gathered = gather_rows(values, chosen, fill=-1)
    for row, value, keep in zip(gathered, values, chosen, strict=True):
        assert row[row >= 0].tolist() == value[keep].tolist()
        assert (row[keep.sum() :] == -1).all()


def test_ambiguous_and_padding_tokens_are_not_targets():
    tokens = np.array([[SPECIAL_TOKENS + 7, UNKNOWN, PAD]])
    indices, classes = targets(tokens, np.ones((1, 3), bool))
    assert indices.tolist() == [0]
    assert classes.tolist() == [7]


@pytest.mark.parametrize("ratio", [0.01, 0.99])
def test_a_single_token_is_never_hidden(ratio):
    assert not choose_hidden(padded([1]), ratio, np.random.default_rng(0)).any()
