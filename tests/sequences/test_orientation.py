"""The strand of a barcode is found from its 6-mers."""

from __future__ import annotations

import random

import numpy as np
import pytest

from barcodeembed.sequences.bases import encode_bases, overlapping_kmers
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.orientation import learn_orientation, learn_strands, strand
from barcodeembed.sequences.reading import read_records


def slow_numbers(bases: str) -> list[int]:
    windows = (bases[i : i + 6] for i in range(len(bases) - 5))
    return [
        sum("ACGT".index(b) * 4 ** (5 - i) for i, b in enumerate(w))
        for w in windows
        if not set(w) - set("ACGT")
    ]


@pytest.mark.parametrize(
    "bases", ["", "ACGTA", "ACGTAC", "NACGTACGTNNTTTTTTTACGRACGTACGN", "N" * 9]
)
def test_six_mers_are_numbered_in_alphabetical_order(bases):
    numbers = overlapping_kmers(encode_bases(bases), 6)
    assert numbers[numbers < 4096].tolist() == slow_numbers(bases)


@pytest.fixture(scope="module")
def simulated(request) -> list[str]:
    path = request.config.rootpath / "data" / "simulated" / "reference.fasta"
    return [record.sequence for record in read_records(path)]


def test_the_strand_is_found_and_changes_with_the_reverse_complement(simulated):
    log_odds = learn_orientation(simulated[::2])
    for bases in simulated[1::2]:
        for part in (bases, bases[200:320]):
            assert strand(part, log_odds) == "+"
            assert strand(reverse_complement(part), log_odds) == "-"


def test_the_strand_of_real_barcodes_is_found(request):
    folder = request.config.rootpath.parent / "shared" / "data" / "coi" / "mini"
    if not folder.is_dir():
        pytest.skip("../shared/data/coi is absent")
    log_odds = learn_orientation(
        record.sequence for record in read_records(folder / "reference.tsv.gz")
    )
    for name in ("val_seen", "val_unseen_species", "val_unseen_genus"):
        for record in read_records(folder / f"{name}.tsv.gz"):
            assert strand(record.sequence, log_odds) == "+"
            assert strand(reverse_complement(record.sequence), log_odds) == "-"


def test_a_palindrome_is_plus():
    log_odds = np.zeros(4096, np.int32)
    assert strand("ACGT" * 30, log_odds) == "+"


def test_references_of_nearly_equal_numbers_of_both_strands_are_brought_to_one():
    """All they have in common is a conserved stretch, as ITS has 5.8S."""
    rng = random.Random(3)
    core = "".join(rng.choices("ACGT", k=90))
    references, turned = [], []
    for _ in range(400):
        common = "".join(rng.choice("ACGT") if rng.random() < 0.2 else base for base in core)
        sides = ["".join(rng.choices("ACGT", k=120)) for _ in range(2)]
        turned.append(rng.random() < 0.45)
        bases = common.join(sides)
        references.append(reverse_complement(bases) if turned[-1] else bases)
    found, log_odds = learn_strands(references)
    assert (
        np.mean([(sense == "-") == other for sense, other in zip(found, turned, strict=True)])
        > 0.97
    )
    assert found == [strand(bases, log_odds) for bases in references]
    once = learn_orientation(references)
    right = [(strand(b, once) == "-") == t for b, t in zip(references, turned, strict=True)]
    assert np.mean(right) < 0.9


def test_few_references_of_the_other_strand_do_not_change_the_log_odds(simulated):
    references = [reverse_complement(b) if i % 10 == 0 else b for i, b in enumerate(simulated)]
    found, log_odds = learn_strands(references)
    assert [sense == "-" for sense in found] == [i % 10 == 0 for i in range(len(references))]
    assert (log_odds == learn_orientation(references)).all()
