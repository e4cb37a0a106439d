"""The k-mer tokenizer: comparison with a simple tokenizer, and properties that batches need."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barcodeembed.model.tokenizer import PAD, SPECIAL_TOKENS, UNKNOWN, KmerTokenizer
from barcodeembed.sequences.bases import encode_bases

sequences = st.text("ACGTNRY", max_size=80)


def slow_encode(bases: str, k: int) -> list[int]:
    kmers = {"".join(p): i for i, p in enumerate(itertools.product("ACGT", repeat=k))}
    split = [bases[i : i + k] for i in range(0, len(bases) - k + 1, k)]
    return [kmers[p] + SPECIAL_TOKENS if p in kmers else UNKNOWN for p in split]


@given(sequences, st.integers(1, 5))
def test_encode_agrees_with_a_dictionary_of_kmers(bases, k):
    assert KmerTokenizer(k).encode(bases).tolist() == slow_encode(bases, k)


@given(st.text("ACGT", max_size=80), st.integers(4, 8))
def test_decode_gives_back_the_whole_kmers(bases, k):
    tokenizer = KmerTokenizer(k)
    whole = len(bases) // k * k
    assert tokenizer.decode(tokenizer.encode(bases)) == bases[:whole]


@given(st.lists(st.text("ACGTN", min_size=8, max_size=60), min_size=1, max_size=6), st.data())
def test_many_windows_at_once_equal_one_by_one(barcodes, data):
    tokenizer = KmerTokenizer(4)
    offsets = np.array([data.draw(st.integers(0, 3)) for _ in barcodes])
    lengths = np.array([len(b) for b in barcodes])
    starts = np.cumsum(lengths) - lengths + offsets
    counts = (lengths - offsets) // 4
    tokens = tokenizer.encode_windows(encode_bases("".join(barcodes)), starts, counts)
    for row, bases, offset, count in zip(tokens, barcodes, offsets, counts, strict=True):
        assert row[:count].tolist() == tokenizer.encode(bases[offset:]).tolist()
        assert (row[count:] == PAD).all()


@pytest.mark.parametrize("k", [4, 5, 6, 7, 8])
def test_the_vocabulary_has_no_gap(k):
    tokenizer = KmerTokenizer(k)
    assert tokenizer.vocabulary_size == 4**k + 4
    assert tokenizer.encode("A" * k).item() == SPECIAL_TOKENS
    assert tokenizer.encode("T" * k).item() == tokenizer.vocabulary_size - 1


def test_k_out_of_range_is_refused():
    with pytest.raises(ValueError, match="k is 9"):
        KmerTokenizer(9)


def test_case_and_rna_are_the_same_bases():
    assert encode_bases("acguACGU").tolist() == [0, 1, 2, 3] * 2
