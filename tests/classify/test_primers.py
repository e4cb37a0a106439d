"""Primers left on the reads change no name."""

from __future__ import annotations

import json
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


@pytest.fixture(scope="module")
def shipped() -> be.Classifier:
    return be.Classifier.load()


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
def test_real_barcodes_with_primers_keep_their_names(coi, shipped, tags):
    barcodes = [
        record.sequence
        for record in be.read_records(coi / "mini" / "val_seen.tsv.gz")
        if len(record.sequence) == 658
    ][:15]
    folmer = usual_pairs()["folmer"]
    for pair, insides in ((folmer, barcodes), (LERAY, [bases[345:] for bases in barcodes])):
        forward, reverse = (FORWARD, REVERSE) if pair is LERAY else (pair.forward, pair.reverse)
        reads = [tags[0] + forward + i + reverse_complement(reverse) + tags[1] for i in insides]
        found = list(shipped.classify(reads))
        assert names(found) == names(shipped.classify(insides))
        assert {"primer" in a.flags for a in found} == {True}
        assert not [a for a in found if "stop_codon" in a.flags]


# The option.


def with_primers(inside: str) -> str:
    return FORWARD + inside + reverse_complement(REVERSE)


def test_auto_finds_the_primers_that_most_reads_have(index_bundle, amplicons):
    classifier = be.Classifier.load(index_bundle, amplicon="auto")
    reads = [with_primers(inside) for inside in amplicons] + amplicons[:3]
    list(classifier.classify(reads))
    found = classifier.found_amplicon
    assert found.pair == LERAY
    assert found.primers == {"leray": len(amplicons)}
    assert str(found) == (
        f"{len(amplicons)} of the first {len(reads)} reads have primers of "
        "leray (mlCOIintF, jgHCO2198)"
    )


def test_auto_cuts_a_primer_that_is_doubted_otherwise(index_bundle, amplicons):
    """One read has a tag and only one primer; without positions nobody knows that it is a tag."""
    reads = [*map(with_primers, amplicons), "ACTGACTG" + FORWARD + amplicons[0]]
    for amplicon, flags in ((None, ()), ("auto", ("primer",)), ("leray", ("primer",))):
        classifier = be.Classifier.load(index_bundle, amplicon=amplicon)
        assert list(classifier.classify(iter(reads)))[-1].flags == flags


def test_auto_without_common_primers_names_those_of_a_few(index_bundle, amplicons):
    classifier = be.Classifier.load(index_bundle, amplicon="auto")
    reads = [with_primers(amplicons[0]), *amplicons]
    assert [a.flags for a in classifier.classify(reads)][:2] == [("primer",), ()]
    found = classifier.found_amplicon
    assert found.pair is None
    assert str(found).endswith("reads have no common primers (1 leray)")
    assert list(classifier.classify([])) == []
    assert classifier.found_amplicon.reads == 0


def test_auto_reads_only_a_sample_ahead(index_bundle, amplicons):
    classifier = be.Classifier.load(index_bundle, amplicon="auto")
    taken = []

    def stream():
        for i in range(3_000):
            taken.append(i)
            yield be.SequenceRecord(f"r{i}", "ACGT")

    next(iter(classifier.classify(stream(), batch_size=10)))
    assert len(taken) == 1_000


def test_auto_says_where_the_reads_lie(coi, call, tmp_path):
    records = list(be.read_records(coi / "mini" / "val_seen.tsv.gz"))
    barcodes = [r.sequence for r in records if len(r.sequence) == 658][:20]
    reads, run = tmp_path / "reads.fasta", tmp_path / "run.json"
    reads.write_text("".join(f">r{i}\n{b[345:550]}\n" for i, b in enumerate(barcodes)))
    done = call("classify", reads, "--amplicon", "auto", "--json", run)
    assert (
        "--amplicon auto: the first 20 reads have no common primers; the reads cover positions "
        "346 to 550 of 671 of the marker: fwh2"
    ) in done.err
    described = json.loads(run.read_text())["amplicon"]
    assert described["given"] is False
    assert described["found"] == {
        **{"reads": 20, "primers": {}, "primers_cut": None, "first": 346, "last": 550},
        "amplicons": ["fwh2"],
    }


def test_the_description_of_a_run_names_the_primers(index_bundle, call, tmp_path):
    run = tmp_path / "run.json"
    for words, expected in (
        (("--amplicon", "Leray"), {"primers_of": ["leray"], "given": True, "found": None}),
        (("--amplicon", "none"), {"primers_of": [], "given": False, "found": None}),
    ):
        reads = SIMULATED / "reads.fasta"
        assert call("classify", reads, "-i", index_bundle, "--json", run, *words).code == 0
        assert json.loads(run.read_text())["amplicon"] == expected


def test_python_refuses_primers_together_with_an_amplicon(index_bundle):
    for amplicon in ("leray", "auto", "none"):
        with pytest.raises(be.InputError, match="primers"):
            be.Classifier.load(index_bundle, amplicon=amplicon, primers=f"{FORWARD},{REVERSE}")
    with pytest.raises(be.InputError, match="is no amplicon"):
        be.Classifier.load(index_bundle, amplicon="lerai")
    with pytest.raises(be.InputError, match="give one of them"):
        be.build_index([], primers=f"{FORWARD},{REVERSE}", amplicon="leray")
