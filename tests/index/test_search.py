"""`ReferenceIndex.search`: which vectors it accepts."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from support import SIMULATED

import barcodeembed as be
from barcodeembed.taxonomy.references import read_labelled

pytestmark = pytest.mark.usefixtures("small_samples")

READS = SIMULATED / "reads.fasta"


@pytest.fixture(scope="module")
def embedder(model_bundle) -> be.Embedder:
    return be.Embedder.load(model_bundle)


@pytest.fixture(scope="module")
def whitened(index_bundle) -> be.ReferenceIndex:
    index = be.ReferenceIndex.open(index_bundle)
    assert index.whitening
    return index


def test_unit_length_vectors_are_refused_by_a_whitened_index(whitened, embedder):
    vectors = embedder.embed(READS, errors="nan")
    for refused in (vectors, vectors.astype(np.float16), vectors[:1]):
        with pytest.raises(be.InputError, match=r"embedder\.embed\(\.\.\., normalise=False\)"):
            whitened.search(refused)


def test_vectors_of_the_model_are_searched_in_a_whitened_index(whitened, embedder):
    vectors = embedder.embed(READS, errors="nan", normalise=False)
    expected = whitened.search(vectors)
    assert (expected.rows[np.isfinite(vectors).all(1)] >= 0).all()
    one_of_unit_length = vectors.copy()
    one_of_unit_length[0] /= np.linalg.norm(vectors[0])
    assert (whitened.search(one_of_unit_length).rows[1:] == expected.rows[1:]).all()


def test_vectors_without_a_value_are_searched_in_a_whitened_index(whitened):
    for vectors in (np.full((2, whitened.dimension), np.nan), np.empty((0, whitened.dimension))):
        assert (whitened.search(vectors).rows == -1).all()


def test_unit_length_vectors_are_searched_in_an_index_that_is_not_whitened(embedder, tmp_path):
    few = islice(read_labelled(SIMULATED / "reference.fasta"), 0, None, 12)
    index = be.build_index(few, embedder, whiten=0)
    vectors = embedder.embed(READS, errors="nan")
    unscaled = embedder.embed(READS, errors="nan", normalise=False)
    assert (index.search(vectors, k=1).rows == index.search(unscaled, k=1).rows).all()
