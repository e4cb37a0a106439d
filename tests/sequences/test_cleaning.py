"""Cleaning: what is normalised, what is flagged, and what is unclassifiable."""

from __future__ import annotations

import random

import pytest
from Bio.Seq import reverse_complement as biopython_reverse_complement
from hypothesis import given
from hypothesis import strategies as st

from barcodeembed.sequences.cleaning import clean, reverse_complement
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.vocabulary import MIN_BASES

MOST = 2_000
BARCODE = "".join(random.Random(0).choices("ACGT", k=658))

ambiguous = st.text("ACGTRYSWKMBDHVN", max_size=150)


def cleaned(letters: str, *flags: str, length: int | None = None, min_bases: int = MIN_BASES):
    length = len(letters) if length is None else length
    record = SequenceRecord("r", letters, length=length, flags=flags)
    return clean(record, min_bases=min_bases, max_bases=MOST)


def test_a_plain_barcode_is_not_changed():
    found = cleaned(BARCODE)
    assert (found.bases, found.flags, found.unclassifiable) == (BARCODE, (), None)


@given(letters=ambiguous, lower=st.booleans(), rna=st.booleans(), data=st.data())
def test_case_u_and_gaps_are_normalised(letters, lower, rna, data):
    written = letters.replace("T", "U") if rna else letters
    written = written.lower() if lower else written
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, len(written)))
        written = written[:at] + data.draw(st.sampled_from("-.")) * 3 + written[at:]
    assert cleaned(written) == cleaned(letters)


def test_inosine_is_n():
    assert (
        cleaned(BARCODE[:300] + "iI" + BARCODE[302:]).bases[299:303]
        == BARCODE[299] + "NN" + (BARCODE[302])
    )


@pytest.mark.parametrize(
    "letters, flags, reason",
    [
        ("", ("empty",), "empty"),
        ("--..--", ("empty",), "empty"),
        ("A", ("short",), "short"),
        (BARCODE[:99], ("short",), "short"),
        (BARCODE[:100], (), None),
        (BARCODE[:99] + "-", ("short",), "short"),
        (BARCODE[:99] + "N", ("short",), "short"),
        (BARCODE[:100] + "N" * 5, (), None),
        (BARCODE[:100] + "N" * 6, ("ambiguous_bases",), None),
        (BARCODE[:100] + "N" * 100, ("ambiguous_bases",), None),
        (BARCODE[:100] + "N" * 101, ("ambiguous_bases", "low_information"), "low_information"),
        ("N" * 658, ("ambiguous_bases", "low_information"), "low_information"),
        ("N" * 50, ("ambiguous_bases", "short"), "short"),
        ("R" * 658, ("ambiguous_bases", "low_information"), "low_information"),
        ("A" * 658, ("low_information",), "low_information"),
        ("ACGTTG" * 110, ("low_information",), "low_information"),
        (BARCODE * 3, (), None),
        (BARCODE * 3 + "A" * 26, (), None),
        (BARCODE * 3 + "A" * 27, ("too_long",), "too_long"),
        (BARCODE * 3 + "-" * 90, (), None),
    ],
)
def test_unclassifiable_records_have_the_reason(letters, flags, reason):
    found = cleaned(letters)
    assert (found.flags, found.unclassifiable) == (flags, reason)


def test_a_record_truncated_by_the_reader_is_too_long():
    assert cleaned(BARCODE, length=30_000_000).unclassifiable == "too_long"


def test_the_flags_of_the_reader_come_first():
    assert cleaned("ACGT", "no_id", "layout_removed").flags == ("no_id", "layout_removed", "short")


def test_the_minimum_length_can_be_set():
    assert cleaned(BARCODE[:30], min_bases=30).unclassifiable is None
    assert cleaned(BARCODE[:30], min_bases=31).unclassifiable == "short"


@given(letters=ambiguous)
def test_both_strands_have_the_same_flags(letters):
    one, other = cleaned(letters), cleaned(reverse_complement(letters))
    assert (one.flags, one.unclassifiable) == (other.flags, other.unclassifiable)


@given(bases=ambiguous)
def test_the_reverse_complement_equals_biopythons(bases):
    assert reverse_complement(bases) == biopython_reverse_complement(bases)
    assert reverse_complement(reverse_complement(bases)) == bases


def test_a_read_too_short_for_words_is_not_informative():
    assert cleaned("ACG", min_bases=1).unclassifiable == "low_information"
