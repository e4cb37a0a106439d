"""Measure the memory of `index build` for each record.

    python benchmarks/build_memory.py REFERENCES [--records 20000,60000] [--sample 200]

The first so many records of REFERENCES are built into an index and saved, each number in a process
of its own. The vectors are counts of 4-mers, because those of a model take long. From the
difference of the peaks follow the bytes for each record. A model needs a fixed amount in addition.

The search for contaminants is left out: it takes most of the time, and its memory is fixed, too.

The first figure is the peak of the resident memory. The second is without the pages of files, which
the system takes back when it needs memory: what the build must have. It is read every 5 ms (Linux).
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event, Thread

import numpy as np

from barcodeembed.index import collect
from barcodeembed.index.build import build_index
from barcodeembed.sequences.bases import encode_bases, overlapping_kmers
from barcodeembed.taxonomy.references import read_labelled


class KmerCounts:
    """An embedder without a model, with vectors as wide as those of the model that ships."""

    fingerprint, dimension, max_bases = "4-mers", 192, 20_000
    anchor = True  # it is calibrated like a model with positions, which takes less time
    settings: dict[str, str | int] = {}

    def encode(self, sequences: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(sequences), self.dimension), np.float32)
        for row, bases in zip(vectors, sequences, strict=True):
            kmers = overlapping_kmers(encode_bases(bases), 4) % self.dimension
            row += np.bincount(kmers, minlength=self.dimension)
        return vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("references")
    parser.add_argument("--records", default="20000,60000")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(*peaks(asked.references, asked.one, asked.sample))
        return
    few, many = map(int, asked.records.split(","))
    found = []
    for count in (few, many):
        command = [sys.executable, __file__, asked.references, "--one", str(count)]
        command += ["--sample", str(asked.sample)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(np.array(done.stdout.split(), float))
        print(f"{count:,} records: {found[-1][0]:,.0f} MB, {found[-1][1]:,.0f} MB", flush=True)
    resident, needed = 1e3 * (found[1] - found[0]) / (many - few)
    print(f"{resident:.2f} kB for each record, {needed:.2f} kB without the pages of files")


def peaks(references: str, records: int, sample: int) -> tuple[float, float]:
    """Build and save an index; return the peaks of the resident memory in MB."""
    collect.known_decoys = tuple
    with highest_own_memory() as own:
        labelled = islice(read_labelled(references), records)
        index = build_index(labelled, KmerCounts(), sample=sample, search="exact")
        with tempfile.TemporaryDirectory() as folder:
            index.save(Path(folder) / "built.bix", model=None)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, own[0]


@contextmanager
def highest_own_memory() -> Iterator[list[float]]:
    """Yield a list with the peak of the memory without the pages of files, in MB, so far."""
    peak, ended = [0.0], Event()

    def watch() -> None:
        while not ended.wait(0.005):
            status = Path("/proc/self/status").read_text(encoding="utf-8")
            found = re.search(r"RssAnon:\s+(\d+)", status)
            peak[0] = max(peak[0], int(found[1]) / 1e3 if found else 0.0)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


if __name__ == "__main__":
    main()
