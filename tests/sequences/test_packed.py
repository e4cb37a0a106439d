"""Packed bases are the same bases in fewer bytes."""

from __future__ import annotations

import random

import pytest

from barcodeembed.sequences.packed import PackedSequences, pack, unpack


@pytest.mark.parametrize("letters", ["ACGT", "ACGTN", "ACGTRYSWKMBDHVN-Z", "acgtU"])
def test_all_sequences_are_read_as_they_were(letters):
    rng = random.Random(0)
    sequences = ["".join(rng.choices(letters, k=length)) for length in range(70)]
    packed = [pack(bases) for bases in sequences]
    assert list(map(unpack, packed)) == sequences
    assert len(set(packed)) == len(set(sequences))
    lazy = PackedSequences(packed)
    assert list(lazy) == [lazy[i] for i in range(70)] == sequences
    assert lazy[3:40:2] == sequences[3:40:2]
    assert lazy[-1] == sequences[-1]
    assert sequences[7] in lazy


def test_four_bases_are_a_byte():
    assert len(pack("ACGT" * 165)) == 166
