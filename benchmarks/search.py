"""Time the search by vectors in an index, as it is and with FAISS's own choice of method.

    python benchmarks/search.py INDEX [--queries 300] [--threads 1]

FAISS multiplies matrices from a number of queries on, `_BLAS_FROM` in
barcodeembed/vectors/search.py.
Its own number depends on its version. Queries are vectors of the index, evenly spaced.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import faiss
import numpy as np

from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.vectors import search


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    faiss.omp_set_num_threads(asked.threads)
    usual = faiss.cvar.distance_compute_blas_threshold
    vectors = ReferenceIndex.open(asked.index, verify=False).vectors
    rows = np.unique(np.linspace(0, len(vectors) - 1, asked.queries).astype(int))
    print(f"FAISS {faiss.__version__}, {len(rows)} queries, {len(vectors):,} references")
    for name, threshold in (("as it is", search._BLAS_FROM), ("FAISS's own", usual)):
        search._BLAS_FROM = threshold
        began = time.perf_counter()
        search.nearest(vectors, vectors[rows], 10)
        print(f"{name} (from {threshold:,} queries on): {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    main()
