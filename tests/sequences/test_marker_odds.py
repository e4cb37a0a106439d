"""Reads are assigned to markers by their 8-mers."""

from __future__ import annotations

import random

import numpy as np

from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.marker_odds import (
    learn_marker_odds,
    load_marker_odds,
    save_marker_odds,
)

_random = random.Random(3)
MAIN, FIRST, SECOND, OTHER = (
    ["".join(_random.choices("ACGT", k=300)) for _ in range(2)] for _ in range(4)
)


def test_a_read_has_the_marker_whose_kmers_it_has(tmp_path):
    odds = learn_marker_odds(MAIN, {"12S": FIRST, "ITS2": SECOND})
    save_marker_odds(odds, tmp_path / "odds.npz")
    again = load_marker_odds(tmp_path / "odds.npz")
    assert again.names == odds.names == ("12S", "ITS2")
    np.testing.assert_array_equal(again.table, odds.table)
    for reads, name in ((FIRST, "12S"), (SECOND, "ITS2"), (MAIN, None)):
        for read in reads:
            for bases in (read[20:180], reverse_complement(read)):
                assert again.guess(bases) == name
    assert again.guess("ACGTNNN") is again.guess("N" * 50) is None
    assert learn_marker_odds(MAIN, {}).guess(OTHER[0]) is None
