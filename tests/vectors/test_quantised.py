"""Quantised search, compared with the exact search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from barcodeembed.vectors import quantised
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.quantised import Quantised
from barcodeembed.vectors.search import nearest


def clustered(rows: int, width: int = 16, groups: int = 60) -> np.ndarray:
    """Return unit vectors in groups, as those of barcodes of species."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((groups, width))
    spread = 0.3 * rng.standard_normal((rows, width))
    return normalise((centres[rng.integers(0, groups, rows)] + spread).astype(np.float32))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return clustered(6_000)


@pytest.fixture(scope="module")
def made(vectors) -> Quantised:
    return Quantised.of(vectors, margin=0.3)


@pytest.fixture(scope="module")
def queries(vectors) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal((200, vectors.shape[1]))
    return normalise((vectors[:200] + 0.1 * noise).astype(np.float32))


def test_every_vector_has_one_code_and_small_clusters_are_dissolved(vectors, made):
    assert np.array_equal(np.sort(made.rows), np.arange(len(vectors)))
    assert len(made.centres) > 5
    assert np.diff(made.starts).min() >= quantised._SMALLEST
    decoded = made.codes / made.lengths[:, None]
    assert np.abs(decoded - vectors[made.rows]).max() < 0.01
    assert np.array_equal(made.clusters, quantised.most_similar(vectors, made.centres))


def test_more_vectors_join_the_clusters(vectors, made):
    rows = np.arange(3, len(vectors), 7)
    places = np.setdiff1d(np.arange(len(vectors)), rows)
    old = Quantised.of(vectors[places], margin=0.3)
    grown = old.extended(places, rows, vectors[rows])
    assert np.array_equal(grown.centres, old.centres)
    assert np.array_equal(grown.clusters, quantised.most_similar(vectors, old.centres))
    assert np.array_equal(grown.codes, quantised.quantise(vectors[grown.rows]))
    assert np.array_equal(grown.lengths, quantised.lengths_of(grown.codes))
    for start, end in zip(grown.starts, grown.starts[1:], strict=False):
        assert (np.diff(grown.rows[start:end].astype(int)) > 0).all()
    assert [getattr(grown, name).dtype for name in ("starts", "rows", "codes", "lengths")] == [
        getattr(made, name).dtype for name in ("starts", "rows", "codes", "lengths")
    ]


def test_if_all_clusters_are_visited_the_result_is_that_of_the_exact_search(vectors, made, queries):
    everywhere = replace(made, margin=2.0)
    for k in (1, 10):
        wanted, found = nearest(vectors, queries, k), everywhere.nearest(vectors, queries, k)
        assert all(np.array_equal(w, f) for w, f in zip(wanted, found, strict=True))


def test_a_wider_margin_finds_more_of_the_nearest(vectors, made, queries):
    rows = nearest(vectors, queries, 10)[1]

    def recall(margin: float) -> float:
        found = replace(made, margin=margin).nearest(vectors, queries, 10)[1]
        return (rows[:, :, None] == found[:, None, :]).any(2).mean()

    assert recall(0.0) < recall(0.1) < recall(0.6) == 1.0


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_batch_size_does_not_change_a_bit(vectors, made, queries, batch):
    whole = made.nearest(vectors, queries, 10)
    parts = [
        made.nearest(vectors, queries[i : i + batch], 10) for i in range(0, len(queries), batch)
    ]
    for side in range(2):
        assert np.concatenate([part[side] for part in parts]).tobytes() == whole[side].tobytes()


@pytest.mark.parametrize("width", [1, 2, 192, 768])
def test_products_of_queries_and_codes_are_exact(width):
    rng = np.random.default_rng(0)
    queries = np.concatenate([np.ones((1, width)), rng.standard_normal((50, width))])
    asked = quantised._as_integers(queries.astype(np.float32))
    codes = np.concatenate([np.full((1, width), 127), rng.integers(-127, 128, (50, width))])
    exact = asked.astype(np.int64) @ codes.T
    assert np.array_equal(asked @ codes.astype(np.float32).T, exact)
    assert np.abs(exact).max() <= 2**24
    # The width of a query does not change how finely it is rounded.
    assert np.abs(asked).max() >= 2**24 / 127 / width - width


def test_longer_queries_have_the_same_neighbours(vectors, made, queries):
    """Similarities of fragments are raised by their length."""
    rows = made.nearest(vectors, queries, 10)[1]
    assert np.array_equal(made.nearest(vectors, queries * np.float32(1.5), 10)[1], rows)


def test_a_query_without_a_vector_has_neighbours_of_similarity_zero(vectors, made, queries):
    asked = np.concatenate([queries[:3], np.zeros((2, queries.shape[1]), np.float32)])
    similarities, rows = made.nearest(vectors, asked, 10)
    assert (similarities[3:] == 0).all()
    assert ((rows >= 0) & (rows < len(vectors))).all()
    assert np.array_equal(rows[:3], made.nearest(vectors, queries[:3], 10)[1])


def test_no_queries_have_no_neighbours(vectors, made):
    assert made.nearest(vectors, vectors[:0], 10)[1].shape == (0, 10)


def test_more_neighbours_than_a_cluster_has_are_searched_exactly(vectors, made, queries):
    k = int(np.diff(made.starts).min())
    wanted, found = nearest(vectors, queries[:5], k), made.nearest(vectors, queries[:5], k)
    assert np.array_equal(wanted[1], found[1])
