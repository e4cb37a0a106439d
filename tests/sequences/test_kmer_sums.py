"""The highest sums of weights, compared with all sums."""

from __future__ import annotations

import numpy as np
import pytest

from barcodeembed.sequences import kmer_sums
from barcodeembed.sequences.kmer_sums import Sums


@pytest.mark.parametrize("dense", [0.0, np.inf])
@pytest.mark.parametrize("count", [1, 8, 300])
def test_the_highest_sums_are_found_in_both_ways(dense, count, monkeypatch):
    monkeypatch.setattr(kmer_sums, "_DENSE", dense)
    rng = np.random.default_rng(count)
    sums = Sums(200)
    for lists in (3, 40):  # the memory is used again
        found = [rng.choice(150, rng.integers(1, 60), replace=False) for _ in range(lists)]
        weights = np.sort(rng.integers(1, 5, lists))[::-1].astype(float)
        wanted = np.zeros(200)
        for rows, weight in zip(found, weights, strict=True):
            wanted[rows] += weight
        rows, highest, given = sums.highest(found, weights, count, np.array([7, 199]))
        assert np.array_equal(highest, wanted[rows]) and np.unique(rows).size == len(rows)
        assert given.tolist() == [wanted[7], 0.0]
        positive = np.sort(wanted[wanted > 0])[::-1]
        least = positive[min(count, len(positive)) - 1]
        assert set(np.flatnonzero(wanted >= least)) <= set(rows.tolist())
        assert (highest > 0).all()
