"""Measure how many signs of errors are found in reads with errors, and the rates they give.

    python benchmarks/read_errors.py INDEX BARCODES... [--sample 300] [--seed 0]

Prints for each kind of error, length and error rate: the frame-breaking changes of position that
`classify` counts, for each base that is not near an end, the fraction of reads with a stop codon,
the stop codons for each codon and error, and the error rate that it would estimate for the run.
Mixed errors are 80 % substitutions, 10 % insertions and 10 % deletions; those of Nanopore 60, 20
and 20 %. `_BREAKS` and `_INDELS` in barcodeembed/classify/read_errors.py are those of whole
barcodes: with mixed errors, and above 1 % with indels alone. `_OUT_OF_FRAME` is the stop codons of
an error with indels alone, divided by their fraction in the other frames.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from damage import cut

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.read_errors import SAMPLE, Signs, estimate_rates, find_signs
from barcodeembed.sequences.reading import read_records

LENGTHS = (658, 313, 200, 130)
RATES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08)

#: The fraction of insertions and deletions.
KINDS = {"mixed": 0.2, "substitutions": 0.0, "indels": 1.0, "nanopore": 0.4}


def stops_of_an_error(signs: Signs, rate: float) -> float:
    """Return the expected stop codons for each codon of a read, for each error of a base."""
    if not rate:
        return float("nan")
    return -np.log1p(-signs.stopped / (signs.reads + 1)) / (signs.codons / signs.reads) / rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("barcodes", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    classifier = Classifier.load(asked.index)
    print("| file | kind | bases | errors | breaks | with stops | stops of an error | estimate |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for path in asked.barcodes:
        records = [record.sequence.upper() for record in read_records(path)]
        rng = np.random.default_rng(asked.seed)
        chosen = [records[i] for i in rng.permutation(len(records))[: asked.sample]]
        for kind, length, rate in product(KINDS, LENGTHS, RATES):
            reads = [cut(bases, length, rng) for bases in chosen]
            if rate:
                reads = [add_sequencing_errors(bases, rate, rng, KINDS[kind]) for bases in reads]
            parts = classifier.locator.locate(reads)
            bases = [part.bases for part in parts if part]
            signs = find_signs(bases, classifier.quality.anchor)
            print(
                f"| {path.name} | {kind} | {length} | {100 * rate:g} % | "
                f"{signs.breaks / signs.bases:.5f} | {signs.stopped / signs.reads:.3f} | "
                f"{stops_of_an_error(signs, rate):.3f} | "
                f"{100 * estimate_rates(signs).total:.2f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
