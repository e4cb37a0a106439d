"""Write copies of queries that are short, have errors, or are reverse-complemented.

    python benchmarks/damage.py QUERIES... --to FOLDER [--fragments] [--indels 0.2] [--seed 0]

Writes FOLDER/KIND/NAME.tsv.gz for every kind of damage and every table of queries. Only the column
of bases changes. Fragments begin at a random position. Of the errors, 80 % are substitutions, 10 %
insertions and 10 % deletions; --indels gives another fraction of the last two. With --fragments the
kinds are LENGTH-PERCENT: all lengths with all error rates; those of 421 and 313 bases are the end
of the barcode, as amplicons of COI are.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.sequences.cleaning import reverse_complement

BASES = "nucleotides"


def cut(bases: str, length: int, rng: np.random.Generator) -> str:
    """Return a random fragment of this length, or the whole barcode if it is shorter."""
    start = int(rng.integers(0, max(len(bases) - length, 0), endpoint=True))
    return bases[start : start + length]


def complement(bases: str, rng: np.random.Generator) -> str:
    return reverse_complement(bases)


LENGTHS = ("whole", 421, 313, 200, 150, 130)
PERCENTS = (0, 1, 3, 5)

#: Fragments at least this long are the end of the barcode.
_AT_END = 313


def fragment(
    bases: str, length: int | str, percent: int, rng: np.random.Generator, indels: float = 0.2
) -> str:
    """Return a fragment with errors; of all bases if the length is ``whole``."""
    if isinstance(length, int):
        bases = bases[-length:] if length >= _AT_END else cut(bases, length, rng)
    return add_sequencing_errors(bases, percent / 100, rng, indels) if percent else bases


def kinds(fragments: bool, indels: float) -> dict[str, Callable[..., str]]:
    """Return functions of bases and a random generator, by the name of the damage."""
    if fragments:
        return {
            f"{length}-{percent}": partial(fragment, length=length, percent=percent, indels=indels)
            for length in LENGTHS
            for percent in PERCENTS
        }
    return {
        **{f"{length}bp": partial(cut, length=length) for length in (300, 200, 150)},
        **{
            f"errors{percent}": partial(fragment, length="whole", percent=percent, indels=indels)
            for percent in (1, 3)
        },
        "reverse": complement,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("queries", nargs="+", type=Path)
    parser.add_argument("--to", required=True, type=Path, metavar="FOLDER")
    parser.add_argument("--fragments", action="store_true")
    parser.add_argument("--indels", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for kind, damage in kinds(asked.fragments, asked.indels).items():
        (asked.to / kind).mkdir(parents=True, exist_ok=True)
        for path in asked.queries:
            rng = np.random.default_rng(asked.seed)
            with (
                gzip.open(path, "rt", newline="") as source,
                gzip.open(asked.to / kind / path.name, "wt", newline="", compresslevel=1) as target,
            ):
                rows = csv.DictReader(source, delimiter="\t", quoting=csv.QUOTE_NONE)
                print(*rows.fieldnames, sep="\t", file=target)
                for row in rows:
                    row[BASES] = damage(row[BASES].upper(), rng=rng)
                    print(*row.values(), sep="\t", file=target)


if __name__ == "__main__":
    main()
