"""The temperature that the reference chooses for its own vote."""

from __future__ import annotations

import numpy as np

from barcodeembed.classify.temperature import choose_temperature
from barcodeembed.classify.vote import TEMPERATURE, Members
from barcodeembed.embedding import normalise
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.taxa import Taxa


def reference(spread: float, species: int = 40, each: int = 3):
    """Species scattered by ``spread`` about one direction, their members by a tenth of it."""
    rng = np.random.default_rng(0)
    centres = np.eye(1, 16) + spread * rng.standard_normal((species, 16))
    members = np.repeat(centres, each, 0)
    vectors = normalise((members + spread / 10 * rng.standard_normal(members.shape)).astype("f4"))
    lineages = [tuple([None] * (len(RANKS) - 1) + [f"G s{i:03d}"]) for i in range(species)]
    of = np.repeat(np.arange(species), each)
    return vectors, Members.of(np.arange(len(of)), of, len(of)), Taxa.of(lineages)


def test_the_narrower_the_cone_the_colder_the_vote():
    """Strangers differ from members by about the square of the spread in cosine."""
    chosen = []
    for spread in (0.5, 0.05):
        vectors, members, taxa = reference(spread)
        chosen.append(choose_temperature(vectors, members, taxa, np.arange(len(vectors)), 10))
        assert chosen[-1] < spread**2
    assert chosen[1] < chosen[0]


def test_without_examples_the_papers_temperature_stands():
    vectors, members, taxa = reference(0.5, species=1, each=1)
    assert choose_temperature(vectors, members, taxa, np.arange(1), 10) == TEMPERATURE
