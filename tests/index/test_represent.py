"""BINs with several taxa: the marker cannot tell these apart."""

from __future__ import annotations

import numpy as np
import pytest

from barcodeembed.index.collect import Reference
from barcodeembed.index.represent import Barcodes, _mixed_bins
from barcodeembed.sequences.packed import pack
from barcodeembed.taxonomy.ranks import RANKS


@pytest.mark.parametrize("seed", range(5))
def test_a_barcode_is_mixed_at_the_ranks_at_which_its_bin_has_several_taxa(seed):
    """Compare with a loop over all pairs of references."""
    rng = np.random.default_rng(seed)
    bases = [f"{'ACGT'[i % 4]}{i}" for i in range(20)]
    references, vectors_of = [], []
    for i in range(40):
        genus, species = f"G{rng.integers(3)}", int(rng.integers(3))
        name = f"{genus} s{species}" if species else None
        lineage = tuple([*[None] * (len(RANKS) - 2), genus, name])
        row = int(rng.integers(20))
        bin = f"BOLD:{rng.integers(12)}" if rng.random() < 0.7 else None
        references.append(Reference(f"r{i}", pack(bases[row]), lineage, bin))
        vectors_of.append(row)
    barcodes = Barcodes.of(references, bases, np.zeros((20, 2), np.float32), np.array(vectors_of))
    ranks = barcodes.taxa.ranks

    def names(rank: str, bin: str | None) -> set[str]:
        at = RANKS.index(rank)
        return {r.lineage[at] for r in references if bin and r.bin == bin} - {None}

    wanted = np.array(
        [
            [
                any(len(names(rank, r.bin)) > 1 for r in references if r.bases == barcode)
                for rank in ranks
            ]
            for barcode in bases
        ]
    )
    assert wanted.any() and not wanted.all()
    np.testing.assert_array_equal(_mixed_bins(references, barcodes), wanted)


def test_without_bins_nothing_is_mixed():
    lineage = tuple([*[None] * (len(RANKS) - 1), "G s"])
    references = [Reference("a", pack("ACGT"), lineage), Reference("b", pack("ACGT"), lineage)]
    barcodes = Barcodes.of(references, ["ACGT"], np.zeros((1, 2), np.float32), np.zeros(2, int))
    assert not _mixed_bins(references, barcodes).any()
