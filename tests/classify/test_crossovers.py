"""Chimeras by alignment, with an index that has sequences."""

from __future__ import annotations

import csv
import random

import numpy as np
import pytest
from support import SIMULATED

from barcodeembed.classify.crossovers import _differences, best_pair
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.sequences.records import SequenceRecord


@pytest.fixture(scope="module")
def reads() -> list[dict[str, str]]:
    with open(SIMULATED / "reads.tsv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [r for r in rows if len(r["nucleotides"]) == 658 and r["strand"] == "+"]


@pytest.fixture(scope="module")
def classifier(index_bundle) -> Classifier:
    return Classifier.load(index_bundle, check_chimeras=True)


def flagged(classifier: Classifier, sequences: list[str]) -> float:
    records = [SequenceRecord(str(i), bases) for i, bases in enumerate(sequences)]
    return np.mean(["chimera" in found.flags for found in classifier.classify(records)])


@pytest.mark.parametrize("part", [slice(0, 658), slice(345, 658)], ids=["complete", "leray"])
def test_chimeras_of_two_families_are_flagged_wherever_they_are_joined(classifier, reads, part):
    rng = random.Random(1)
    known = [(r["nucleotides"][part], r["family"]) for r in reads if r["kind"] == "seen"]
    made = {}
    for at in (0.4, 0.5, 0.6):
        made[at] = []
        while len(made[at]) < 8:
            (one, family), (other, another) = rng.sample(known, 2)
            if family != another:
                break_at = int(at * len(one))
                made[at].append(one[:break_at] + other[break_at:])
    for at, sequences in made.items():
        assert flagged(classifier, sequences) >= (1.0 if at == 0.5 else 0.75)


@pytest.mark.parametrize("part", [slice(0, 658), slice(345, 658)], ids=["complete", "leray"])
def test_intact_reads_are_not_chimeras(classifier, reads, part):
    chosen = [r for r in reads if r["kind"] in ("seen", "unseen_genus")]
    assert flagged(classifier, [r["nucleotides"][part] for r in chosen][:30]) == 0


def test_a_read_that_is_too_short_for_two_parts_is_not_checked(classifier, reads):
    one, other = reads[0]["nucleotides"], reads[9]["nucleotides"]
    assert flagged(classifier, [one[:99] + other[99:198]]) == 0


def test_differences_are_those_before_each_base():
    reference = "GG" + "ACGTTGCA" * 20 + "CC"
    read = "ACGTTGCA" * 20
    assert _differences(read, reference).tolist() == [0] * 161
    wrong = read[:40] + "T" + read[41:80] + "N" + read[81:]
    assert _differences(wrong, reference).tolist() == [*[0] * 41, *[1] * 120]
    # Bases beyond the reference are differences.
    assert _differences(read, read[16:])[-1] == 16
    # A deleted base shifts nothing.
    assert _differences(read[:50] + read[51:], reference)[-1] == 0


def test_the_best_pair_is_that_with_the_fewest_differences():
    steps = np.array([[0] * 50 + [1] * 50, [1] * 50 + [0] * 50, [1, 0] * 50], float)
    before = np.concatenate([np.zeros((3, 1)), np.cumsum(steps, 1)], 1)
    assert best_pair(before) == (0, 1, 50.0)
    assert best_pair(before[[0, 0]])[2] == 0
    # Each parent needs a fifth of the read.
    steps = np.array([[0] * 10 + [1] * 90, [1] * 10 + [0] * 90], float)
    before = np.concatenate([np.zeros((2, 1)), np.cumsum(steps, 1)], 1)
    assert best_pair(before)[2] == 0
