"""The temperature, and the weight of identity, that the reference chooses for its own vote."""

from __future__ import annotations

import numpy as np
import pytest

from barcodeembed.calibration.sample import Sample
from barcodeembed.calibration.tuning import tune_vote
from barcodeembed.scoring.vote import TEMPERATURE, Members, rescore
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.normalise import normalise


def reference(spread: float, sizes: list[int]):
    """Species scattered by ``spread`` about one direction, their members by a fifth of it."""
    rng = np.random.default_rng(0)
    centres = np.eye(1, 16) + spread * rng.standard_normal((len(sizes), 16))
    of = np.repeat(np.arange(len(sizes)), sizes)
    members = centres[of] + spread / 5 * rng.standard_normal((len(of), 16))
    lineages = [tuple([None] * (len(RANKS) - 1) + [f"G s{i:03d}"]) for i in range(len(sizes))]
    vectors = normalise(members.astype(np.float32))
    return vectors, Members.of(np.arange(len(of)), of, len(of)), Taxa.of(lineages)


def choose(spread: float, sizes: list[int]) -> float:
    vectors, members, taxa = reference(spread, sizes)
    sample = Sample.of_barcodes(vectors, members, np.arange(len(vectors)))
    return tune_vote(vectors, members, taxa, sample, 10)[0]


def test_in_a_narrow_cone_the_vote_is_colder():
    """Pairs among crowds: where all cosines are near 1, a crowd outvotes the one near relative."""
    sizes = [2, 12] * 20
    assert choose(0.5, sizes) == TEMPERATURE
    assert choose(0.02, sizes) < TEMPERATURE


def test_without_examples_the_papers_temperature_stands():
    assert choose(0.5, [1]) == TEMPERATURE


@pytest.mark.parametrize("told", [True, False])
def test_identity_counts_where_it_tells_what_similarity_does_not(told):
    """Vectors without any species in them; percent identities that tell it, or tell nothing."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(20), 4)
    vectors = normalise(rng.standard_normal((80, 4)).astype(np.float32))
    lineages = [tuple([None] * (len(RANKS) - 1) + [f"G s{i:03d}"]) for i in range(20)]
    members, taxa = Members.of(np.arange(80), of, 80), Taxa.of(lineages)
    sample = Sample.of_barcodes(vectors, members, np.arange(80))

    def identities(rows):
        return 80 + 20.0 * (of[rows] == of[:, None]) if told else np.full(rows.shape, 90.0)

    _, weight = tune_vote(vectors, members, taxa, sample, 79, identities)
    assert (weight > 0) == told


def test_scores_are_similarities_and_weighted_identities():
    similarities = np.array([[0.9, 0.8, 0.7]])
    rows = np.array([[5, 3, 1]])
    percents = np.array([[90.0, 95.0, 96.25]])
    scores, order = rescore(similarities, rows, percents, 4.0)
    # 0.9 + 3.6, 0.8 + 3.8, 0.7 + 3.85: the second is best.
    np.testing.assert_allclose(scores, [[4.6, 4.55, 4.5]])
    assert order.tolist() == [[1, 2, 0]]
    assert rescore(similarities, rows, percents, 0.0)[1].tolist() == [[0, 1, 2]]
    assert rescore(np.array([[0.5, 0.5]]), np.array([[7, 2]]), np.zeros((1, 2)), 0.0)[
        1
    ].tolist() == [[1, 0]]
