"""classify names the barcode inside a longer read like the barcode alone, and ignores N."""

from __future__ import annotations

import numpy as np
import pytest
from anchored_barcodes import LENGTH, make_barcode
from support import rows_of

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.scoring.decision import decide, novel_below
from barcodeembed.sequences.cleaning import reverse_complement


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(verify=False)


@pytest.fixture(scope="module")
def barcodes(classifier) -> list[str]:
    rng = np.random.default_rng(0)
    made = [make_barcode(classifier.embedder.anchor, rng) for _ in range(40)]
    named = zip(made, classifier.classify(made), strict=True)
    return [bases for bases, a in named if a.status != "unclassifiable"][:10]


def random_bases(length: int, rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("ACGT"), length))


def placement(assignment) -> tuple:
    return assignment.status, assignment.rank, assignment.taxon, assignment.novel_rank


def test_a_barcode_in_a_contig_is_named_like_the_barcode(classifier, barcodes):
    rng = np.random.default_rng(1)
    alone = list(classifier.classify(barcodes))
    contigs = [random_bases(3_000, rng) + b + random_bases(25_000, rng) for b in barcodes]
    found = list(classifier.classify(contigs))
    assert {a.strand for a in found} == {"+"}
    assert {a.length for a in found} == {3_000 + LENGTH + 25_000}
    same = [placement(a) == placement(b) for a, b in zip(alone, found, strict=True)]
    assert sum(same) >= 8  # a few bases more at an end can change a close decision
    assert not [a for a in found if "too_long" in a.flags]
    for contig, a in zip(contigs, found, strict=True):
        assert contig[a.start - 1 : a.end] == a.bases


def test_both_strands_have_the_same_answer(classifier, barcodes):
    rng = np.random.default_rng(2)
    contigs = [random_bases(900, rng) + bases + random_bases(400, rng) for bases in barcodes]
    found = classifier.classify(contigs)
    turned = classifier.classify([reverse_complement(contig) for contig in contigs])
    for a, b in zip(found, turned, strict=True):
        assert (a.strand, b.strand) == ("+", "-")
        assert placement(a) == placement(b) and a.bases == b.bases
        assert (b.start, b.end) == (a.length - a.end + 1, a.length - a.start + 1)


def test_a_contig_without_a_barcode_is_non_target(classifier):
    rng = np.random.default_rng(3)
    found = list(classifier.classify([random_bases(n, rng) for n in (5_000, 30_000)]))
    assert [(a.status, a.flags, a.start) for a in found] == [
        ("unclassifiable", ("non_target",), None)
    ] * 2


def test_a_joined_read_equals_a_read_with_the_true_gap(classifier, barcodes):
    joined = [bases[:250] + "N" * 10 + bases[408:] for bases in barcodes]
    gapped = [bases[:250] + "N" * 158 + bases[408:] for bases in barcodes]
    for a, b in zip(classifier.classify(joined), classifier.classify(gapped), strict=True):
        assert placement(a) == placement(b) and a.bases == b.bases
        assert a.similarity == b.similarity and "ambiguous_bases" in a.flags
        assert "stop_codon" not in a.flags and a.status != "novel"


def test_joined_short_reads_are_not_refused(classifier, barcodes):
    found = classifier.classify([bases[:130] + "N" * 10 + bases[-130:] for bases in barcodes])
    assert not [a for a in found if "low_information" in a.flags]


def test_scattered_n_hardly_change_the_similarity(classifier, barcodes):
    rng = np.random.default_rng(4)
    reads = []
    for bases in barcodes:
        letters = list(bases)
        for place in rng.choice(LENGTH, 15, replace=False):
            letters[place] = "N"
        reads.append("".join(letters))
    pairs = list(zip(classifier.classify(barcodes), classifier.classify(reads), strict=True))
    loss = [a.similarity - b.similarity for a, b in pairs]
    assert abs(np.median(loss)) < 0.08
    raw = [float((a.vector * b.vector).sum()) for a, b in pairs]
    assert np.median(raw) < 0.97  # the vectors themselves differ more


def test_the_table_has_start_and_end(call, barcodes, tmp_path):
    path = tmp_path / "reads.fa"
    path.write_text(f">barcode\n{barcodes[0]}\n>short\nACGT\n")
    rows = rows_of(call("classify", path, "-q").out)
    assert [(row["start"], row["end"]) for row in rows] == [("1", str(LENGTH)), ("NA", "NA")]


def test_a_query_of_which_little_was_read_is_less_easily_novel():
    winners, new = np.zeros((4, 2), int), np.full((4, 2), 0.2)
    below = novel_below(np.array([658, 329, 200, 0]), 658.0)
    made = decide(winners, np.full((4, 2), 0.9), new, 0.6, None, below)
    assert made.status.tolist() == ["novel", "novel", "assigned", "assigned"]
    assert made.novel.tolist() == [0, 0, -1, -1]
