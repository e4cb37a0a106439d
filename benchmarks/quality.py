"""Measure how often `classify` flags intact queries and damaged queries.

    python benchmarks/quality.py QUERIES... -i INDEX [-m MODEL] [--sample 500] [--others FASTA]

Prints a Markdown table: for every kind of damage, the fraction of queries with each flag. A sample
of all queries is drawn for each kind, also for "intact". QUERIES are tables of coding barcodes with
the genetic code 5, with a column `family`, from which chimeras are made. `--others` is a file of
other genes, which are cut into windows of 400 bases.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.quality import FLAGS
from barcodeembed.index.model import open_with_model
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.frames import reading_frames
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord

BASES, FAMILY = "nucleotides", "family"

_WINDOW, _STEP = 400, 100


def _letter(rng: np.random.Generator) -> str:
    return "ACGT"[rng.integers(4)]


def indels(bases: str, count: int, rng: np.random.Generator) -> str:
    """Insert or delete one base at a random position, ``count`` times."""
    for _ in range(count):
        at = int(rng.integers(len(bases)))
        bases = bases[:at] + (bases[at + 1 :] if rng.random() < 0.5 else _letter(rng) + bases[at:])
    return bases


def stop(bases: str, rng: np.random.Generator) -> str:
    """Replace a random codon, but not the last one, by TAA or TAG."""
    codons = _codons(bases)
    at = int(rng.integers(len(codons) - 1))
    codons[at] = ("TAA", "TAG")[rng.integers(2)]
    return "".join(codons)


def nuclear_copy(bases: str, rng: np.random.Generator) -> str:
    """Simulate a pseudogene: 5 % substitutions at random positions, and two indels."""
    letters = [_letter(rng) if rng.random() < 0.05 / 0.75 else base for base in bases]
    return indels("".join(letters), 2, rng)


def shuffle(bases: str, rng: np.random.Generator) -> str:
    return "".join(rng.permutation(list(bases)))


def shuffle_codons(bases: str, rng: np.random.Generator) -> str:
    """Shuffle the codons: an open reading frame with the same composition."""
    return "".join(rng.permutation(_codons(bases)))


def reverse(bases: str, rng: np.random.Generator) -> str:
    return bases[::-1]


def draw(bases: str, rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("ACGT"), len(bases)))


def _codons(bases: str) -> list[str]:
    frame = int(reading_frames(encode_bases(bases)[None])[0])
    return [bases[i : i + 3] for i in range(frame, len(bases) - 2, 3)]


KINDS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "intact": lambda bases, rng: bases,
    "one base inserted or deleted": partial(indels, count=1),
    "one stop codon": stop,
    "5 % substitutions and two indels": nuclear_copy,
    "random bases": draw,
    "shuffled bases": shuffle,
    "shuffled codons": shuffle_codons,
    "reversed, not complemented": reverse,
}


def chimeras(
    queries: list[tuple[str, str]],
    count: int,
    breaks: tuple[float, float],
    rng: np.random.Generator,
) -> list[str]:
    """Join the beginning of one barcode to the end of a barcode of another family."""
    made: list[str] = []
    while len(made) < count:
        (one, family), (other, another) = (queries[i] for i in rng.integers(len(queries), size=2))
        if family and another and family != another:
            at = rng.uniform(*breaks)
            made.append(one[: int(at * len(one))] + other[int(at * len(other)) :])
    return made


def flag_fractions(classifier: Classifier, sequences: list[str]) -> list[float]:
    """Return the fraction of sequences with each of FLAGS."""
    records = (SequenceRecord(str(i), bases) for i, bases in enumerate(sequences))
    flags = [assignment.flags for assignment in classifier.classify(records)]
    return [sum(flag in found for found in flags) / len(flags) for flag in FLAGS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("queries", nargs="+", type=Path)
    parser.add_argument("-i", "--index", required=True, type=Path)
    parser.add_argument("-m", "--model", type=Path)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--others", type=Path, metavar="FASTA")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    index, embedder = open_with_model(asked.index, asked.model)
    classifier = Classifier(index, embedder, check_chimeras=True)
    queries = [query for path in asked.queries for query in _read(path)]
    rng = np.random.default_rng(asked.seed)
    print("| queries |", " | ".join(f"`{flag}`" for flag in FLAGS), "|")
    print("| --- |", " | ".join("---" for _ in FLAGS), "|")

    def print_row(kind: str, sequences: list[str]) -> None:
        cells = " | ".join(f"{value:.3f}" for value in flag_fractions(classifier, sequences))
        print(f"| {kind} | {cells} |", flush=True)

    for kind, damage in KINDS.items():
        drawn = rng.choice(len(queries), min(asked.sample, len(queries)), replace=False)
        print_row(kind, [damage(queries[i][0], rng=rng) for i in drawn])
    print_row(
        "two families, joined in the middle", chimeras(queries, asked.sample, (0.5, 0.5), rng)
    )
    print_row("the same, joined at 30 to 70 %", chimeras(queries, asked.sample, (0.3, 0.7), rng))
    if asked.others:
        whole = [record.sequence for record in read_records(str(asked.others))]
        print_row(
            "other genes",
            [
                gene[i : i + _WINDOW]
                for gene in whole
                for i in range(0, max(len(gene) - _WINDOW, 1), _STEP)
            ],
        )


def _read(path: Path) -> list[tuple[str, str]]:
    with gzip.open(path, "rt", newline="") as source:
        rows = csv.DictReader(source, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row[BASES].upper(), row[FAMILY]) for row in rows]


if __name__ == "__main__":
    main()
