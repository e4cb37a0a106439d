"""The temperature and the weight of identity that are chosen on the reference itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from barcodeembed.calibration.examples import Voter
from barcodeembed.calibration.sample import Sample
from barcodeembed.calibration.tuning import Tuned, tune_open_vote, tune_vote
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


def open_reference(family_signal: float, spread: float = 0.4):
    """Return 6 families of 10 genera of 2 species with 3 barcodes each, and a sample of all.

    A species is close to its centre, and a genus far from its family: by ``family_signal``.
    """
    rng = np.random.default_rng(0)
    families = rng.standard_normal((6, 32))
    genera = family_signal * np.repeat(families, 10, 0) + rng.standard_normal((60, 32))
    species = np.repeat(genera, 2, 0) + spread * rng.standard_normal((120, 32))
    barcodes = np.repeat(species, 3, 0) + spread / 4 * rng.standard_normal((360, 32))
    names = [(f"F{i // 20}", None, f"G{i // 2:02d}", f"G{i // 2:02d} s{i}") for i in range(120)]
    lineages = [(None,) * (len(RANKS) - 4) + each for each in names]
    vectors, of = normalise(barcodes.astype(np.float32)), np.repeat(np.arange(120), 3)
    members, taxa = Members.of(np.arange(360), of, 360), Taxa.of(lineages)
    sample = Sample.of_barcodes(
        vectors, members, np.arange(360), np.zeros((360, len(taxa.ranks)), bool)
    )
    untuned = Weights(TEMPERATURE)
    finder = Finder(10, 10, untuned, untuned, 650.0)
    return Voter(vectors, members, taxa, finder), sample


def test_a_weak_signal_of_families_gets_a_higher_temperature_above_the_genus():
    """The nearest genus is often of another family, but most of the ten nearest are not."""
    weak, sample = open_reference(0.55)
    found = tune_open_vote(weak, sample, ["A" * 650] * len(sample))
    assert found.weights.upper > found.weights.temperature
    clear, sample = open_reference(5.0)
    found = tune_open_vote(clear, sample, ["A" * 650] * len(sample))
    assert found.weights.upper == found.weights.temperature


def test_names_are_counted_as_the_mixture_of_queries_asks():
    """With perfect references all names of ranks that are not hidden are correct."""
    voter, sample = open_reference(1.5, 0.4)
    found = tune_open_vote(voter, sample, ["A" * 650] * len(sample))
    # Known: three ranks, half of all. New species: two ranks; new genus: one. New family: none.
    assert found.correct == pytest.approx(0.5 * 3 + 0.3 * 2 + 0.12 * 1, rel=0.01)
    alone = replace(voter, vectors=voter.vectors[:1])
    assert tune_open_vote(alone, sample, ["A" * 650] * len(sample)).weights.upper is None


def test_ranks_above_the_genus_have_their_own_temperature():
    above = Taxa.of([("K", "P", "C", "O", "F", "S", "G", "G s")]).above_genus
    assert above.tolist() == [True] * 6 + [False] * 2
    assert Weights(0.1, upper=0.3).temperatures(above).tolist() == [0.3] * 6 + [0.1] * 2
    assert Weights(0.1).temperatures(above).tolist() == [0.1] * 8
