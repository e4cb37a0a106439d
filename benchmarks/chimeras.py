"""How many chimeras `classify --check-chimeras` flags, by amplicon, and how many intact reads.

    python benchmarks/chimeras.py ../shared/data/coi

Chimeras are of two barcodes of different families, joined at a fraction of their length. Barcodes
are those with 658 bases, so that positions are those of COI-5P.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from pathlib import Path

import numpy as np

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.sequences.records import SequenceRecord

#: First and last base, counted from 0, of parts of COI-5P.
PARTS = {
    "complete": (0, 658),
    "middle 313 bases": (172, 485),
    "Leray (313 bases)": (345, 658),
    "fwh2 (205 bases)": (300, 505),
}

Barcode = tuple[str, str]


def read(path: Path) -> list[Barcode]:
    """Return complete barcodes and their families."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [(r["nucleotides"], r["family"]) for r in csv.DictReader(stream, delimiter="\t")]
    return [(b, family) for b, family in rows if family and len(b) == 658 and set(b) <= set("ACGT")]


def chimeras(
    barcodes: list[Barcode], part: tuple[int, int], at: float, count: int, rng: np.random.Generator
) -> list[str]:
    """Join two barcodes of different families at a fraction of a part of the marker."""
    first, last = part
    middle = first + int((last - first) * at)
    made: list[str] = []
    while len(made) < count:
        (one, family), (other, another) = (barcodes[i] for i in rng.integers(len(barcodes), size=2))
        if family != another:
            made.append(one[first:middle] + other[middle:last])
    return made


def intact(
    barcodes: list[Barcode], part: tuple[int, int], count: int, rng: np.random.Generator
) -> list[str]:
    """Return a part of barcodes that are drawn at random."""
    drawn = rng.choice(len(barcodes), min(count, len(barcodes)), replace=False)
    return [barcodes[i][0][slice(*part)] for i in drawn]


def fraction_flagged(classifier: Classifier, sequences: list[str]) -> str:
    """Return the fraction of sequences with the flag chimera, as text."""
    records = (SequenceRecord(str(i), bases) for i, bases in enumerate(sequences))
    flags = ["chimera" in assignment.flags for assignment in classifier.classify(records)]
    return f"{sum(flags) / len(flags):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("-i", "--index", type=Path)
    parser.add_argument("--sample", type=int, default=200)
    asked = parser.parse_args()
    classifier = Classifier.load(asked.index, check_chimeras=True)
    known = read(asked.data / "val_seen.tsv.gz")
    unknown = read(asked.data / "val_unseen_genus.tsv.gz")
    print("| part | joined in the middle | joined at 40 % | intact, known species | new genera |")
    print("| --- | --- | --- | --- | --- |")
    for name, part in PARTS.items():
        rng = np.random.default_rng(0)
        kinds = (
            chimeras(known, part, 0.5, asked.sample, rng),
            chimeras(known, part, 0.4, asked.sample, rng),
            intact(known, part, asked.sample, rng),
            intact(unknown, part, asked.sample, rng),
        )
        cells = (fraction_flagged(classifier, sequences) for sequences in kinds)
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
