"""Packed k-mers come back as they were."""

from __future__ import annotations

import io

import numpy as np
import pytest

from barcodeembed.index.packing import pack_kmers, unpack_kmers
from barcodeembed.sequences.shared_kmers import SharedKmers


@pytest.mark.parametrize("count", [0, 1, 300])
def test_packed_kmers_are_small_and_come_back(count):
    rng = np.random.default_rng(0)
    common = "".join(rng.choice(list("ACGT"), 400))
    sequences = ["".join(rng.choice(list("ACGT"), 200)) + common[:150] for _ in range(count)]
    kmers = SharedKmers.of([*sequences, "ACGT"])
    packed = pack_kmers(kmers)
    again = unpack_kmers(*packed, kmers.references)
    for one, other in zip(again, kmers.postings, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    stream = io.BytesIO()
    np.savez_compressed(stream, *packed)
    assert stream.tell() < 2 * len(kmers.postings.rows) + 3 * len(kmers.postings.hashes) + 1_000
