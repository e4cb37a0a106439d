"""Exact search, compared with brute force in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.search import DECIMALS, nearest
from barcodeembed.vectors.whitening import Whitening


def unit(rng: np.random.Generator, rows: int, width: int) -> np.ndarray:
    return normalise(rng.standard_normal((rows, width)).astype(np.float32))


def brute_force(vectors: np.ndarray, queries: np.ndarray, k: int):
    scores = np.round(queries.astype(float) @ vectors.astype(float).T, DECIMALS)
    rows = [sorted(range(len(vectors)), key=lambda r: (-s[r], r))[:k] for s in scores]
    return np.take_along_axis(scores, np.array(rows), 1), np.array(rows)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 20), st.integers(0, 99))
def test_nearest_equals_brute_force(references, width, k, seed):
    rng = np.random.default_rng(seed)
    vectors, queries = unit(rng, references, width), unit(rng, 7, width)
    wanted = brute_force(vectors, queries, k)
    found = nearest(vectors, queries, k)
    np.testing.assert_allclose(found[0], wanted[0], atol=1.5e-6)
    # Rows can differ only if similarities are equal at the last decimal.
    differ = found[1] != wanted[1]
    assert (np.abs(found[0] - wanted[0])[differ] <= 1.5e-6).all()


def test_equal_references_are_in_the_order_of_their_rows():
    rng = np.random.default_rng(0)
    one, others = unit(rng, 1, 8), unit(rng, 50, 8)
    vectors = np.concatenate([one, others[:20], one, others[20:], one])
    similarities, rows = nearest(vectors, one, 3)
    assert rows.tolist() == [[0, 21, 52]]
    assert similarities.tolist() == [[1.0, 1.0, 1.0]]


def test_k_can_exceed_the_number_of_references():
    rng = np.random.default_rng(0)
    similarities, rows = nearest(unit(rng, 3, 4), unit(rng, 2, 4), 10)
    assert similarities.shape == rows.shape == (2, 3)
    assert (rows >= 0).all() and (similarities >= -1).all()


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_batch_size_does_not_change_a_bit(batch):
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng, 3_000, 32), unit(rng, 64, 32)
    whole = nearest(vectors, queries, 10)
    parts = [nearest(vectors, queries[i : i + batch], 10) for i in range(0, 64, batch)]
    for side in range(2):
        assert np.concatenate([part[side] for part in parts]).tobytes() == whole[side].tobytes()


def test_whitened_references_have_unit_covariance_and_no_mean():
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((2_000, 12)) @ rng.standard_normal((12, 12)) + 5).astype("f4")
    whitened = Whitening.fit(vectors, 12).apply(vectors)
    np.testing.assert_allclose(whitened.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(whitened.T), np.eye(12), atol=1e-2)


def test_whitening_keeps_no_more_directions_than_there_are():
    rng = np.random.default_rng(0)
    flat = np.zeros((50, 10), np.float32)
    flat[:, :3] = rng.standard_normal((50, 3))
    assert Whitening.fit(flat, 8).directions.shape == (10, 3)
    assert Whitening.fit(flat[:1], 8).directions.shape == (10, 1)


def test_a_zero_vector_becomes_nan():
    assert np.isnan(normalise(np.zeros((1, 3), np.float32))).all()
