"""Measure the memory of `index build` for each record.

    python benchmarks/build_memory.py REFERENCES [--records 20000,60000] [--sample 200]

The first so many records of REFERENCES are built into an index and saved, each number in a process
of its own. The vectors are counts of 4-mers, because those of a model take long. From the
difference of the peaks follow the bytes for each record. A model needs a fixed amount in addition.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from barcodeembed.index.build import build_index
from barcodeembed.sequences.bases import encode_bases, overlapping_kmers
from barcodeembed.taxonomy.references import read_labelled


class KmerCounts:
    """An embedder without a model, with vectors as wide as those of the model that ships."""

    fingerprint, dimension, max_bases = "4-mers", 192, 20_000
    settings: dict[str, str | int] = {}

    def encode(self, sequences: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(sequences), self.dimension), np.float32)
        for row, bases in zip(vectors, sequences, strict=True):
            np.add.at(row, overlapping_kmers(encode_bases(bases), 4) % self.dimension, 1)
        return vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("references")
    parser.add_argument("--records", default="20000,60000")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(peak(asked.references, asked.one, asked.sample))
        return
    few, many = map(int, asked.records.split(","))
    peaks = []
    for count in (few, many):
        command = [sys.executable, __file__, asked.references, "--one", str(count)]
        command += ["--sample", str(asked.sample)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(float(done.stdout))
        print(f"{count:,} records: {peaks[-1]:,.0f} MB", flush=True)
    print(f"{1e3 * (peaks[1] - peaks[0]) / (many - few):.1f} kB for each record")


def peak(references: str, records: int, sample: int) -> float:
    """Build and save an index; return the peak of the resident memory in MB."""
    labelled = islice(read_labelled(references), records)
    index = build_index(labelled, KmerCounts(), sample=sample, search="exact")
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder) / "built.bix", model=None)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
