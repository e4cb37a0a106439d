"""Classify a mixed file of held-out reads of several markers, and print which marker each read got.

    python benchmarks/mixed_markers.py DATA [--sample N] [--bases N] [--contigs]

DATA has a folder for each marker with reference.tsv.gz and val_*.tsv.gz, and COI in DATA/../coi.
`--sample` reads are drawn from each file with seed 0, every second one is reverse-complemented, and
all are shuffled. `--bases` cuts a part of so many bases out of each. `--contigs` puts each between
1,500 to 4,000 random bases of its own composition on both sides. Also in the file: references
of markers that do not ship, and shuffled barcodes. The columns are the fraction of reads with the
right marker, with another one, and with none, and of correct best guesses (species of seen queries,
genus of unseen species, family of unseen genera).
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from barcodeembed.classify.markers import MarkerClassifier
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.references import chain_labelled
from barcodeembed.vocabulary import COI, MARKERS

JUDGED = {"seen": "species", "unseen_species": "genus", "unseen_genus": "family"}
OTHERS = ("16S", "rbcL", "trnH-psbA")


def files(data: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield marker, kind and path of each file."""
    for marker in MARKERS:
        folder = data.parent / "coi" if marker == COI else data / marker
        for kind in JUDGED:
            yield marker, kind, folder / f"val_{kind}.tsv.gz"
    for marker in OTHERS:
        yield marker, "reference", data / marker / "reference.tsv.gz"
    yield "shuffled", "COI", data.parent / "coi" / "val_seen.tsv.gz"


def draw(
    path: Path, sample: int, bases: int | None, contigs: bool, rng: random.Random
) -> Iterator[tuple[SequenceRecord, Lineage]]:
    records = list(chain_labelled([path]))
    for number, (record, lineage) in enumerate(rng.sample(records, min(sample, len(records)))):
        read = record.sequence.upper()
        start = rng.randrange(max(len(read) - bases, 0) + 1) if bases else 0
        read = read[start : start + bases if bases else None]
        if contigs:
            before, after = (rng.choices(read, k=rng.randint(1_500, 4_000)) for _ in "ab")
            read = "".join((*before, read, *after))
        read = reverse_complement(read) if number % 2 else read
        yield replace(record, sequence=read, length=-1), lineage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--bases", type=int)
    parser.add_argument("--contigs", action="store_true")
    asked = parser.parse_args()
    rng = random.Random(0)
    reads = []
    for marker, kind, path in files(asked.data):
        for record, lineage in draw(path, asked.sample, asked.bases, asked.contigs, rng):
            if marker == "shuffled":
                letters = rng.sample(record.sequence, len(record.sequence))
                record = replace(record, sequence="".join(letters))
            reads.append((marker, kind, record, lineage))
    rng.shuffle(reads)
    classifier = MarkerClassifier.of_marker(min_confidence=0.0)
    counts: dict[tuple[str, str], Counter[str]] = {}
    assignments = classifier.classify([record for *_, record, _ in reads])
    for (marker, kind, _, lineage), assignment in zip(reads, assignments, strict=True):
        count = counts.setdefault((marker, kind), Counter())
        found = assignment.marker
        count["all"] += 1
        count["right" if found == marker else "other" if found else "none"] += 1
        if kind in JUDGED and assignment.names:
            best = dict(zip(classifier.ranks, assignment.names, strict=True)).get(JUDGED[kind])
            true = lineage[RANKS.index(JUDGED[kind])]
            count["correct"] += best is not None and best == true
    print("| reads | count | right marker | other marker | none | correct best guess |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (marker, kind), count in sorted(counts.items()):
        n = count["all"]
        parts = [f"{count[key] / n:.3f}" for key in ("right", "other", "none")]
        correct = f"{count['correct'] / n:.3f}" if kind in JUDGED else ""
        print(f"| {marker}, {kind.replace('_', ' ')} | {n} | {' | '.join(parts)} | {correct} |")


if __name__ == "__main__":
    main()
