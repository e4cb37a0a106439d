"""Synonymous changes until the genus flips: they keep the protein, and the gradient finds them."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from support import REPOSITORY

from barcodeembed.model.config import PRESETS
from barcodeembed.model.encoder import Encoder
from barcodeembed.sequences.frames import amino_acids

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import attack

CODONS = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
ACIDS = dict(zip(CODONS, amino_acids(), strict=True))


def gene(seed: int, codons: int = 60) -> str:
    """Return an open reading frame that begins at the second base."""
    coding = [codon for codon in CODONS if ACIDS[codon] != "*"]
    return "C" + "".join(np.random.default_rng(seed).choice(coding, codons))


def protein(bases: str) -> str:
    return "".join(ACIDS[bases[i : i + 3]] for i in range(1, len(bases) - 2, 3))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(replace(PRESETS["tiny"].model, norm="post", positions="learned")).eval()


@pytest.fixture(scope="module")
def references(encoder) -> attack.References:
    with torch.no_grad():
        vectors = torch.stack([attack.embed_alone(encoder, gene(seed)) for seed in range(6)])
    genera = np.array(["Aus", "Aus", "Bus", "Bus", "Cus", "Cus"])
    return attack.References(torch.nn.functional.normalize(vectors, dim=-1), genera)


def test_synonyms_keep_the_protein():
    bases = gene(0)
    made = [attack.changed(bases, *change) for change in attack.synonyms(bases)]
    assert len(set(made)) == len(made) > 60 and bases not in made
    assert {protein(each) for each in made} == {protein(bases)}


def test_the_attack_needs_fewer_changes_than_chance(encoder, references):
    rng, most = np.random.default_rng(0), 40
    fewer = [
        attack.attack(encoder, references, gene(0), "Aus", most),
        attack.attack(encoder, references, gene(2), "Bus", most),
    ]
    chance = [
        attack.at_random(encoder, references, gene(seed), genus, most, rng)
        for seed, genus in ((0, "Aus"), (2, "Bus"))
    ]
    assert all(
        one is not None and (other is None or one < other)
        for one, other in zip(fewer, chance, strict=True)
    )


def test_a_query_of_another_genus_needs_no_change_and_few_may_not_be_enough(encoder, references):
    assert attack.attack(encoder, references, gene(0), "Cus", 3) == 0
    assert attack.attack(encoder, references, gene(0), "Aus", 0) is None


def test_the_estimate_follows_the_margin(encoder, references):
    bases = gene(1)
    vector, embedded, tokens, positions = attack.embed(encoder, bases)
    margin = references.margin(vector, "Aus")
    (gradient,) = torch.autograd.grad(margin, embedded)
    variants = [attack.changed(bases, *change) for change in attack.synonyms(bases)][:40]
    found = attack.estimates(encoder, gradient[0], tokens, positions, variants)
    with torch.no_grad():
        after = [references.margin(attack.embed_alone(encoder, v), "Aus") for v in variants]
    real = np.array([float(value - margin.detach()) for value in after])
    assert np.corrcoef(found, real)[0, 1] > 0.5


def test_a_row_has_the_fractions_that_flipped_and_the_median():
    assert attack.row("m", "attack", [1, 4, 9, None], 12) == (
        "| m | attack | 4 | 0.25 | 0.50 | 0.75 | 6.5 |"
    )
