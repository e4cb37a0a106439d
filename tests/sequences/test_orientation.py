"""The strand of a barcode is found from its 6-mers."""

from __future__ import annotations

import numpy as np
import pytest

from barcodeembed.sequences.bases import encode_bases, overlapping_kmers
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.orientation import learn_orientation, strand
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
