"""How well a fragment is located in its marker, and how fast.

    python benchmarks/anchor.py CORPUS QUERIES...

The anchor is learnt from CORPUS. Of every query of more than 600 bases a random piece is cut; it
is located rightly where its place is that of the whole plus the cut. Pieces that reach out of the
marker, as of long records, are not asked.
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
        f"agree; {taken * 1e6:.0f} microseconds a barcode; {len(codes):,} queries\n"
    )
    print("| piece, bases | pieces | located rightly |\n| --- | --- | --- |")
    rng = np.random.default_rng(0)
    for length in _LENGTHS:
        cuts = rng.integers(0, lengths - length)
        places = whole + cuts
        inside = (places >= 0) & (places + length <= anchor.length)
        pieces = gather_bases(everything, starts + cuts, np.full(len(cuts), length))
        found = anchor.locate(pieces, np.full(len(cuts), length))
        print(f"| {length} | {inside.sum():,} | {(found == places)[inside].mean():.3f} |")


if __name__ == "__main__":
    main()
