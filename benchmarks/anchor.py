"""Measure how often fragments are located correctly in the marker, and how fast.

    python benchmarks/anchor.py CORPUS QUERIES...

The anchor is fitted to CORPUS. A random fragment is cut from every query of more than 600 bases.
Its position is correct if it equals the position of the whole query plus the start of the fragment.
Fragments that extend beyond the marker are not counted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from barcodeembed.corpus.corpus import encode_corpus, open_corpus
from barcodeembed.corpus.marker_positions import anchor_of
from barcodeembed.sequences.anchor import gather_bases
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.taxonomy.references import chain_labelled

_LENGTHS = (300, 200, 150, 100)


def main() -> None:
    source, *paths = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="barcodeembed-") as folder:
        encode_corpus(chain_labelled([source]), Path(folder) / "corpus")
        anchor, agreement = anchor_of(open_corpus(Path(folder) / "corpus"))
    codes = [encode_bases(record.sequence) for record, _ in chain_labelled(paths)]
    codes = [c for c in codes if len(c) > 600]
    lengths = np.array([len(c) for c in codes])
    starts = np.cumsum(lengths) - lengths
    everything = np.concatenate(codes)
    began = time.perf_counter()
    whole = anchor.locate(gather_bases(everything, starts, lengths), lengths)
    taken = (time.perf_counter() - began) / len(codes)
    print(
        f"marker of {anchor.length} bases; halves of {agreement:.1%} of the held-out barcodes "
        f"agree; {taken * 1e6:.0f} microseconds per barcode; {len(codes):,} queries\n"
    )
    print("| fragment, bases | fragments | correct position |\n| --- | --- | --- |")
    rng = np.random.default_rng(0)
    for length in _LENGTHS:
        cuts = rng.integers(0, lengths - length)
        positions = whole + cuts
        inside = (positions >= 0) & (positions + length <= anchor.length)
        fragments = gather_bases(everything, starts + cuts, np.full(len(cuts), length))
        found = anchor.locate(fragments, np.full(len(cuts), length))
        print(f"| {length} | {inside.sum():,} | {(found == positions)[inside].mean():.3f} |")


if __name__ == "__main__":
    main()
