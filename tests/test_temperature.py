"""The temperature that the reference chooses for its own vote."""

from __future__ import annotations

import numpy as np

from barcodeembed.classify.sample import Sample
from barcodeembed.classify.temperature import choose_temperature
from barcodeembed.classify.vote import TEMPERATURE, Members
from barcodeembed.embedding import normalise
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.taxa import Taxa


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
    return choose_temperature(vectors, members, taxa, sample, 10)


def test_in_a_narrow_cone_the_vote_is_colder():
    """Pairs among crowds: where all cosines are near 1, a crowd outvotes the one near relative."""
    sizes = [2, 12] * 20
    assert choose(0.5, sizes) == TEMPERATURE
    assert choose(0.02, sizes) < TEMPERATURE


def test_without_examples_the_papers_temperature_stands():
    assert choose(0.5, [1]) == TEMPERATURE
