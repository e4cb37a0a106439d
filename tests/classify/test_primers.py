"""Primers left on the reads change no name."""

from __future__ import annotations

import random

import pytest
from support import SIMULATED

import barcodeembed as be
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.primers import usual_pairs

LERAY = usual_pairs()["leray"]
#: One of the sequences that each of Leray's primers stands for.
FORWARD = "GGTACAGGTTGAACAGTATATCCTCC"
REVERSE = "TAAACTTCTGGATGACCAAAAAATCA"


@pytest.fixture(scope="module")
def amplicons() -> list[str]:
    """Return amplicons of Leray's length from simulated barcodes."""
    records = list(be.read_records(SIMULATED / "reference.fasta"))
    return [record.sequence[100:413] for record in records[::40]]


@pytest.fixture(scope="module")
def classifier(index_bundle) -> be.Classifier:
    return be.Classifier.load(index_bundle)


def names(assignments: be.Assignments) -> list[tuple]:
    return [(a.status, a.taxon, a.names, a.confidences, a.nearest_id) for a in assignments]


def test_reads_with_primers_are_named_like_amplicons(classifier, amplicons):
    rng = random.Random(0)
    reads = []
    for i, inside in enumerate(amplicons):
        tags = ("".join(rng.choices("ACGT", k=k)) for k in (8, 12))
        read = next(tags) + FORWARD + inside + reverse_complement(REVERSE) + next(tags)
        reads.append(reverse_complement(read) if i % 2 else read)
    found = list(classifier.classify(reads))
    assert names(found) == names(classifier.classify(amplicons))
    assert {(a.end - a.start + 1, "primer" in a.flags) for a in found} == {(313, True)}
    assert {a.strand for a in found} == {"+", "-"}


def test_reads_without_primers_have_no_flag(classifier, amplicons):
    assert not [a for a in classifier.classify(amplicons) if "primer" in a.flags]


def test_the_rows_do_not_depend_on_the_batch(classifier, amplicons):
    reads = [FORWARD + amplicons[0] + reverse_complement(REVERSE), *amplicons[:3]]
    one, all_ = (list(classifier.classify(reads, batch_size=size)) for size in (1, 100))
    assert [(a.taxon, a.length, a.flags) for a in one] == [
        (a.taxon, a.length, a.flags) for a in all_
    ]


@pytest.mark.parametrize("tags", [("", ""), ("ACACACTC", "GTGTACAT"), ("", "ACGAGTGCGTACGAGTGCGT")])
def test_real_barcodes_with_primers_keep_their_names(coi, tags):
    classifier = be.Classifier.load()
    barcodes = [
        record.sequence
        for record in be.read_records(coi / "mini" / "val_seen.tsv.gz")
        if len(record.sequence) == 658
    ][:30]
    folmer = usual_pairs()["folmer"]
    for pair, insides in ((folmer, barcodes), (LERAY, [bases[345:] for bases in barcodes])):
        forward, reverse = (FORWARD, REVERSE) if pair is LERAY else (pair.forward, pair.reverse)
        reads = [tags[0] + forward + i + reverse_complement(reverse) + tags[1] for i in insides]
        found = list(classifier.classify(reads))
        assert names(found) == names(classifier.classify(insides))
        assert {"primer" in a.flags for a in found} == {True}
        assert not [a for a in found if "stop_codon" in a.flags]
