"""Find the genus of a barcode among barcodes of another marker, by the vectors of a shared model.

    python benchmarks/cross_markers.py MODEL DATA [--pairs rbcL:trnL ...] [--sample 1000]

DATA has a folder for each marker with reference.tsv.gz and val_*.tsv.gz. The queries of a pair are
held-out barcodes of the first marker whose genus is in the references of the second. For each rank
the table has the fraction whose most similar reference is of the same taxon, and in brackets that
of a random reference. "5-mer counts" are compared in the same way. Seed 0.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.vector_maker import VectorMaker
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.references import LabelledRecord, chain_labelled
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.search import nearest

PAIRS = ("rbcL:trnL", "trnL:rbcL", "trnL:ITS2", "ITS2:trnL", "ITS:ITS2", "ITS1:ITS2", "ITS2:ITS1")
SHOWN = ("order", "family", "genus")
_GENUS = RANKS.index("genus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pairs", nargs="+", default=PAIRS, metavar="QUERIES:REFERENCES")
    parser.add_argument("--sample", type=int, default=1_000)
    asked = parser.parse_args()
    makers = {"shared model": Embedder.load(asked.model), "5-mer counts": KmerCounter(5)}
    print(f"| queries | references | count | method | {' | '.join(SHOWN)} |")
    print("| --- | --- | --- | --- |" + " --- |" * len(SHOWN))
    for pair in asked.pairs:
        of, among = pair.split(":")
        references = list(chain_labelled([asked.data / among / "reference.tsv.gz"]))
        genera = {lineage[_GENUS] for _, lineage in references} - {None}
        held_out = chain_labelled(sorted((asked.data / of).glob("val_*.tsv.gz")))
        queries = [each for each in held_out if each[1][_GENUS] in genera]
        queries = random.Random(0).sample(queries, min(asked.sample, len(queries)))
        for name, maker in makers.items():
            found = retrieved(maker, queries, references)
            print(f"| {of} | {among} | {len(queries)} | {name} | {found} |", flush=True)


def retrieved(
    maker: VectorMaker, queries: Sequence[LabelledRecord], references: Sequence[LabelledRecord]
) -> str:
    """Return the fraction of queries with a reference of the same taxon first, for each rank."""
    asked, vectors = (
        normalise(maker.encode([record.sequence.upper() for record, _ in part]))
        for part in (queries, references)
    )
    rows = nearest(vectors, asked, 1)[1][:, 0]
    cells = []
    for rank in SHOWN:
        own, found = (
            np.array([names[RANKS.index(rank)] or "" for _, names in part])
            for part in (queries, references)
        )
        counts = Counter(found.tolist())
        known = own != ""
        chance = np.mean([counts[name] / len(found) for name in own[known].tolist()])
        cells.append(f"{(own == found[rows])[known].mean():.3f} ({chance:.3f})")
    return " | ".join(cells)


if __name__ == "__main__":
    main()
