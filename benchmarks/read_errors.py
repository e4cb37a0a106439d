"""Measure how many frame-breaking insertions and deletions are found in reads with errors.

    python benchmarks/read_errors.py MODEL BARCODES... [--sample 600] [--seed 0]

Prints for each length and error rate: the density of changes of position that `classify` counts,
for each base that is not near an end, and the error rate that it would estimate for the run. Of the
errors, 80 % are substitutions, 10 % insertions and 10 % deletions. `_BREAKS` and `_RATES` in
barcodeembed/classify/read_errors.py are the densities of whole barcodes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from damage import cut

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.classify.read_errors import density_of_breaks, estimate_rate
from barcodeembed.model.bundle import load_model
from barcodeembed.sequences.reading import read_records

LENGTHS = (658, 313, 200, 130)
RATES = (0.0, 0.005, 0.01, 0.03, 0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("barcodes", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    anchor = load_model(asked.model).encoder.anchor
    print("| file | bases | errors | density | estimate |")
    print("| --- | --- | --- | --- | --- |")
    for path in asked.barcodes:
        records = [record.sequence.upper() for record in read_records(path)]
        rng = np.random.default_rng(asked.seed)
        chosen = [records[i] for i in rng.permutation(len(records))[: asked.sample]]
        for length in LENGTHS:
            for rate in RATES:
                reads = [cut(bases, length, rng) for bases in chosen]
                if rate:
                    reads = [add_sequencing_errors(bases, rate, rng) for bases in reads]
                breaks, bases = density_of_breaks(reads, anchor)
                estimate = estimate_rate(breaks, bases)
                print(
                    f"| {path.name} | {length} | {100 * rate:g} % | {breaks / bases:.5f} | "
                    f"{100 * estimate:.2f} % |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
