"""Location by k-mers: the barcode of a marker without positions in a longer read."""

from __future__ import annotations

import random

import numpy as np
import pytest

from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.kmer_location import KmerLocator, find_known
from barcodeembed.sequences.orientation import learn_orientation
from barcodeembed.sequences.shared_kmers import KnownKmers, SharedKmers

LENGTH = 400


def random_bases(length: int, rng: random.Random) -> str:
    return "".join(rng.choices("ACGT", k=length))


def mutated(bases: str, rate: float, rng: random.Random) -> str:
    return "".join(rng.choice("ACGT") if rng.random() < rate else base for base in bases)


@pytest.fixture(scope="module")
def references() -> list[str]:
    rng = random.Random(0)
    return [random_bases(LENGTH, rng) for _ in range(50)]


@pytest.fixture(scope="module")
def locator(references) -> KmerLocator:
    return KmerLocator(SharedKmers.of(references), learn_orientation(references), LENGTH, 1_500)


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize("length", [1_000, 8_000])
def test_a_barcode_is_found_in_a_contig(locator, references, strand, length):
    rng = random.Random(1)
    reads, starts = [], []
    for barcode in references[:20]:
        starts.append(rng.randrange(length - LENGTH))
        before, after = random_bases(starts[-1], rng), random_bases(length - starts[-1], rng)
        own = mutated(barcode, 0.02, rng)
        reads.append(before + (own if strand == "+" else reverse_complement(own)) + after)
    found = locator.locate(reads)
    for part, read in zip(found, reads, strict=True):
        cut = read[part.start : part.end]
        assert part.strand == strand
        assert part.bases == (cut if strand == "+" else reverse_complement(cut))
        assert locator.score(read) >= 1
    ends = np.array([[part.start, part.end - LENGTH] for part in found]) - np.array(starts)[:, None]
    assert np.abs(np.median(ends, axis=0)).max() <= 8 and np.abs(ends).max() <= 60, ends


def test_a_read_without_a_barcode_is_whole_or_too_long(locator):
    rng = random.Random(2)
    short, long = random_bases(1_200, rng), random_bases(30_000, rng)
    whole, none = locator.locate([short, long])
    assert (whole.start, whole.end, none) == (0, 1_200, None)
    assert max(locator.score(short), locator.score(long)) < 1


def test_repeats_that_references_have_are_not_a_barcode(references):
    repeats = [reference[:200] + "AT" * 100 for reference in references]
    locator = KmerLocator(SharedKmers.of(repeats), learn_orientation(repeats), LENGTH, 1_500)
    rng = random.Random(3)
    read = random_bases(2_000, rng) + "AT" * 300 + random_bases(2_000, rng)
    assert locator.score(read) < 1
    assert locator.locate([read]) == [None]


@pytest.mark.parametrize("strand", "+-")
def test_only_the_strand_of_a_short_read_is_changed(locator, references, strand):
    read = references[0] if strand == "+" else reverse_complement(references[0])
    (found,) = locator.locate([read])
    assert (found.bases, found.strand, found.end) == (references[0], strand, LENGTH)


def kmers_of(places: np.ndarray, known: np.ndarray, chance: float) -> KnownKmers:
    return KnownKmers(places, known, np.full(len(places), chance))


def test_the_stretch_is_the_one_with_the_highest_sum():
    """Compare with the sums of all stretches."""
    rng = np.random.default_rng(4)
    none = kmers_of(np.zeros(0, int), np.zeros(0, bool), 0.1)
    for _ in range(50):
        known = rng.random(30) < rng.random(30)
        places = np.sort(rng.choice(200, 30, replace=False))
        chance = rng.uniform(0.02, 0.4)
        values = np.where(known, np.log(0.6 / chance), np.log(0.4 / (1 - chance)))
        best = max(values[a:b].sum() for a in range(30) for b in range(a + 1, 31))
        found = find_known(kmers_of(places, known, chance), none, 1_000)
        if not known.any():
            assert found == (0, 0, 0)
            continue
        assert found.score == pytest.approx(best)
        inside = (places >= found.start) & (places < found.end - 11)
        assert values[inside].sum() == pytest.approx(best)
    assert find_known(none, none, 1_000).score == 0


def test_kmers_that_are_as_frequent_on_the_other_strand_count_less():
    places, known = np.arange(0, 400, 4), np.arange(100) % 2 == 0
    kmers = kmers_of(places, known, 0.1)
    few, many = (kmers_of(places, np.arange(100) % n == 0, 0.1) for n in (10, 3))
    assert find_known(kmers, many, 1_000).score < 0.5 * find_known(kmers, few, 1_000).score


def test_a_stretch_that_is_too_long_is_shortened_to_its_best_part():
    rng = np.random.default_rng(5)
    none = kmers_of(np.zeros(0, int), np.zeros(0, bool), 0.1)
    for _ in range(20):
        places = np.sort(rng.choice(2_000, 400, replace=False))
        known = rng.random(400) < np.linspace(0.5, 0.9, 400)
        values = np.where(known, np.log(0.6 / 0.1), np.log(0.4 / 0.9))
        found = find_known(kmers_of(places, known, 0.1), none, 500)
        assert found.end - found.start <= 500
        parts = [values[(places >= p) & (places <= p + 500 - 12)].sum() for p in places]
        own = (places >= found.start) & (places <= found.end - 12)
        assert found.score == pytest.approx(values[own].sum())
        assert found.score >= max(parts) - 1e-6


def test_the_chance_of_a_kmer_is_that_of_its_composition():
    """References of A and T have many of the k-mers without G and C, and none of the others."""
    rng = random.Random(6)
    kmers = SharedKmers.of(["".join(rng.choices("AT", k=2_000)) for _ in range(5)])
    known = kmers.known_at("".join(rng.choices("AT", k=500)))
    assert known.chance.min() > 0.5 and abs(known.known.mean() - known.chance.mean()) < 0.15
    assert kmers.known_at("".join(rng.choices("GC", k=500))).chance.max() == 0
    even = SharedKmers.of([random_bases(100_000, rng)]).known_at(random_bases(500, rng))
    assert even.chance == pytest.approx(100_000 / 4**12, rel=0.2)
