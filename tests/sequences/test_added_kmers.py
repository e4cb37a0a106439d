"""References that are added to an index of k-mers: the same as an index of all of them."""

from __future__ import annotations

import numpy as np
import pytest

from barcodeembed.sequences.added_kmers import add_references
from barcodeembed.sequences.shared_kmers import SharedKmers


def barcodes(rng: np.random.Generator, count: int) -> list[str]:
    """Return related sequences, some of them without any k-mer that is indexed."""
    root = rng.choice(list("ACGT"), 300)
    made = []
    for _ in range(count):
        bases = root.copy()
        changed = rng.random(len(bases)) < 0.05
        bases[changed] = rng.choice(list("ACGT"), changed.sum())
        made.append("".join(bases)[: rng.integers(5, 300)])
    return made


@pytest.mark.parametrize("old, more", [(40, 15), (40, 0), (1, 30), (30, 1)])
@pytest.mark.parametrize("moved", [False, True])
def test_the_index_is_that_of_all_sequences(old, more, moved):
    rng = np.random.default_rng(old + more)
    everything = barcodes(rng, old + more)
    rows = np.sort(rng.permutation(old + more)[:more])
    places = np.setdiff1d(np.arange(old + more), rows)
    if moved:  # references change places with others
        places = rng.permutation(places)
    before = SharedKmers.of([everything[i] for i in places])
    after = add_references(before, places, rows, [everything[i] for i in rows])
    whole = SharedKmers.of(everything)
    assert after.references == whole.references
    for found, wanted in zip(after.postings, whole.postings, strict=True):
        assert found.dtype == wanted.dtype
        assert np.array_equal(found, wanted)


def test_references_can_be_added_to_those_without_kmers():
    after = add_references(SharedKmers.of(["ACGT"]), np.array([1]), np.array([0]), ["ACGTTGCA" * 9])
    for found, wanted in zip(
        after.postings, SharedKmers.of(["ACGTTGCA" * 9, "ACGT"]).postings, strict=True
    ):
        assert np.array_equal(found, wanted)
