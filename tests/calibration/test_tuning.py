"""The temperature and the weight of identity that are chosen on the reference itself."""

from __future__ import annotations

import numpy as np
import pytest

from barcodeembed.calibration.examples import Voter
from barcodeembed.calibration.sample import Sample
from barcodeembed.calibration.tuning import Tuned, tune_vote
from barcodeembed.scoring.candidates import Finder, Weights
from barcodeembed.scoring.identity import Identities
from barcodeembed.scoring.vote import TEMPERATURE, Members, rescore
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.normalise import normalise


def reference(spread: float, sizes: list[int]):
    """Return species around one direction, with this spread; within a species it is a fifth."""
    rng = np.random.default_rng(0)
    centres = np.eye(1, 16) + spread * rng.standard_normal((len(sizes), 16))
    of = np.repeat(np.arange(len(sizes)), sizes)
    members = centres[of] + spread / 5 * rng.standard_normal((len(of), 16))
    lineages = [tuple([None] * (len(RANKS) - 1) + [f"G s{i:03d}"]) for i in range(len(sizes))]
    vectors = normalise(members.astype(np.float32))
    return vectors, Members.of(np.arange(len(of)), of, len(of)), Taxa.of(lineages)


def tune(vectors, members, taxa, sample, neighbours, percents=None) -> Tuned:
    """Tune the vote on whole barcodes; ``percents`` returns identities from rows."""

    def align(queries, rows) -> Identities:
        return Identities(percents(rows), np.full(rows.shape, 650))

    untuned = Weights(TEMPERATURE)
    finder = Finder(neighbours, neighbours, untuned, untuned, 650.0, align if percents else None)
    bases = ["A" * 650] * len(sample)
    return tune_vote(Voter(vectors, members, taxa, finder), sample, bases)


def choose(spread: float, sizes: list[int]) -> float:
    vectors, members, taxa = reference(spread, sizes)
    sample = Sample.of_barcodes(
        vectors, members, np.arange(len(vectors)), np.zeros((len(vectors), len(taxa.ranks)), bool)
    )
    return tune(vectors, members, taxa, sample, 10).weights.temperature


def test_the_temperature_is_lower_if_all_vectors_are_similar():
    """If all cosines are near 1, many distant references can outvote the one close relative."""
    sizes = [2, 12] * 20
    assert choose(0.5, sizes) == TEMPERATURE
    assert choose(0.02, sizes) < TEMPERATURE


def test_without_examples_the_temperature_is_that_of_the_paper():
    assert choose(0.5, [1]) == TEMPERATURE


@pytest.mark.parametrize("informative", [True, False])
def test_identity_gets_weight_only_if_it_is_informative(informative):
    """Vectors are random; percent identities depend on the species or are constant."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(20), 4)
    vectors = normalise(rng.standard_normal((80, 4)).astype(np.float32))
    lineages = [tuple([None] * (len(RANKS) - 1) + [f"G s{i:03d}"]) for i in range(20)]
    members, taxa = Members.of(np.arange(80), of, 80), Taxa.of(lineages)
    sample = Sample.of_barcodes(
        vectors, members, np.arange(80), np.zeros((80, len(taxa.ranks)), bool)
    )

    def identities(rows):
        return 80 + 20.0 * (of[rows] == of[:, None]) if informative else np.full(rows.shape, 90.0)

    found = tune(vectors, members, taxa, sample, 79, identities)
    assert (found.weights.identity > 0) == informative


def test_scores_are_similarity_plus_weighted_identity():
    similarities = np.array([[0.9, 0.8, 0.7]])
    rows = np.array([[5, 3, 1]])
    identities = np.array([[0.9, 0.95, 0.9625]])
    scores, order = rescore(similarities, rows, identities, 4.0)
    # 0.9 + 3.6, 0.8 + 3.8, 0.7 + 3.85: the second is best.
    np.testing.assert_allclose(scores, [[4.6, 4.55, 4.5]])
    assert order.tolist() == [[1, 2, 0]]
    assert rescore(similarities, rows, identities, 0.0)[1].tolist() == [[0, 1, 2]]
    assert rescore(np.array([[0.5, 0.5]]), np.array([[7, 2]]), np.zeros((1, 2)), 0.0)[
        1
    ].tolist() == [[1, 0]]
