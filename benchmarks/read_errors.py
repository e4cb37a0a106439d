"""Measure how many signs of errors are found in reads with errors, and the rates they give.

    python benchmarks/read_errors.py MODEL BARCODES... [--sample 300] [--seed 0]

Prints for each kind of error, length and error rate: the frame-breaking changes of position that
`classify` counts, for each base that is not near an end, the fraction of reads with a stop codon,
and the error rate that it would estimate for the run. Mixed errors are 80 % substitutions, 10 %
insertions and 10 % deletions. `_BREAKS` and `_INDELS` in barcodeembed/classify/read_errors.py are
those of whole barcodes with mixed errors, and above 1 % with indels alone. The constants for stop
codons are those of substitutions and indels alone.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from damage import cut

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.classify.read_errors import SAMPLE, estimate_rates, find_signs
from barcodeembed.model.bundle import load_model
from barcodeembed.sequences.reading import read_records

LENGTHS = (658, 313, 200, 130)
RATES = (0.0, 0.005, 0.01, 0.03, 0.05)

#: The fraction of insertions and deletions.
KINDS = {"mixed": 0.2, "substitutions": 0.0, "indels": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("barcodes", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    anchor = load_model(asked.model).encoder.anchor
    print("| file | kind | bases | errors | breaks | with stop codons | estimate |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for path in asked.barcodes:
        records = [record.sequence.upper() for record in read_records(path)]
        rng = np.random.default_rng(asked.seed)
        chosen = [records[i] for i in rng.permutation(len(records))[: asked.sample]]
        for kind, length, rate in product(KINDS, LENGTHS, RATES):
            reads = [cut(bases, length, rng) for bases in chosen]
            if rate:
                reads = [add_sequencing_errors(bases, rate, rng, KINDS[kind]) for bases in reads]
            signs = find_signs(reads, anchor)
            print(
                f"| {path.name} | {kind} | {length} | {100 * rate:g} % | "
                f"{signs.breaks / signs.bases:.5f} | {signs.stopped / signs.reads:.3f} | "
                f"{100 * estimate_rates(signs).total:.2f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
