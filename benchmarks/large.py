"""Compare the quantised search of millions of references with the exact search.

    python benchmarks/large.py [INDEX] [--references 1000000 3000000] [--queries 2000] [--threads 1]

For each number of references: size on disk, time to open, peak of the resident memory, recall, and
time of a query. The vectors are those of INDEX and perturbed copies of them: to a vector the
difference of two neighbouring vectors is added, so that copies are as different as barcodes of the
index are. Without INDEX, vectors of simulated species are used.

Queries are further copies, half of them with three times such a difference, like fragments. Each
search is measured in a process of its own, which maps the files into memory. The two
searches take turns, and the median of the rounds counts, so compare them with each other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import faiss
import numpy as np

from barcodeembed.bundles.checks import load_array
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.large import make_quantised, read_quantised, write_quantised
from barcodeembed.index.settings import QuantisedSearch
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.search import nearest, nearest_others

_BATCH = 2_048
_ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("index", type=Path, nargs="?")
    parser.add_argument("--references", type=int, nargs="+", default=[1_000_000, 3_000_000])
    parser.add_argument("--queries", type=int, default=_BATCH)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to write the files of an index")
    parser.add_argument("--measure", choices=("exact", "quantised"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    faiss.omp_set_num_threads(asked.threads)
    if asked.measure:
        print(json.dumps(_measure(asked.folder, asked.measure)))
        return
    real = _real(asked.index) if asked.index else _simulated(100_000)
    print(
        "| references | search | build, s | disk, MB | open, s | memory, MB | ms a query | recall |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for count in asked.references:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            _compare(real, count, asked.queries, asked.threads, Path(folder))


def _real(index: Path) -> np.ndarray:
    return np.array(ReferenceIndex.open(index, verify=False).vectors)


def _simulated(count: int, width: int = 192) -> np.ndarray:
    """Return the vectors of species of ten barcodes, in genera of ten species."""
    rng = np.random.default_rng(0)

    def spread(centres: np.ndarray, by: float) -> np.ndarray:
        noise = rng.standard_normal((len(centres) * 10, width), np.float32)
        return np.repeat(centres, 10, 0) + np.float32(by) * noise

    genera = rng.standard_normal((count // 100, width), np.float32)
    return normalise(spread(spread(genera, 0.5), 0.1))


def _perturb(
    real: np.ndarray, count: int, steps: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return so many vectors: the real ones, and copies with the difference of two neighbours."""
    if count <= len(real):
        return real[np.sort(rng.choice(len(real), count, replace=False))]
    made = np.empty((count, real.shape[1]), np.float32)
    made[: len(real)] = real
    for start in range(len(real), count, 1 << 16):
        part = made[start : start + (1 << 16)]
        part[:] = real[rng.integers(0, len(real), len(part))]
        part += (
            rng.random((len(part), 1), np.float32) * steps[rng.integers(0, len(steps), len(part))]
        )
        part[:] = normalise(part)
    return made


def _blur(vectors: np.ndarray, steps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return vectors with three times the difference of two neighbours."""
    return normalise(vectors + 3 * steps[rng.integers(0, len(steps), len(vectors))])


def _differences(real: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the differences of some real vectors and one of their ten nearest."""
    own = rng.choice(len(real), 2_000, replace=False)
    rows = nearest_others(real, real[own], own, 10)[1]
    return real[rows[np.arange(len(own)), rng.integers(0, 10, len(own))]] - real[own]


def _compare(real: np.ndarray, count: int, asked: int, threads: int, folder: Path) -> None:
    """Build, write and measure an index of so many references; print the rows of the table."""
    rng = np.random.default_rng(count)
    steps = _differences(real, rng)
    made = _perturb(real, count + asked, steps, rng)
    rng.shuffle(made)  # in place: it can be most of the memory
    vectors, queries = made[asked:], made[:asked].copy()
    del made
    queries[::2] = _blur(queries[::2], steps, rng)
    np.save(folder / "queries.npy", queries)
    np.save(folder / "vectors.npy", vectors)
    own = np.sort(rng.choice(count, 2_000, replace=False))
    began = time.perf_counter()
    sampled = np.concatenate([vectors[own], _blur(vectors[own], steps, rng)])
    quantised, search = make_quantised(vectors, sampled, np.tile(own, 2), seed=0)
    built = time.perf_counter() - began
    write_quantised(folder, quantised)
    (folder / "search.json").write_text(json.dumps(asdict(search)))
    truth = nearest(vectors, queries, 10)[1]
    del vectors, quantised
    measured: dict[str, list] = {"exact": [], "quantised": []}
    for _ in range(_ROUNDS):
        for name in measured:
            command = [sys.executable, __file__, "--measure", name, "--folder", str(folder)]
            command += ["--threads", str(threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            measured[name].append(json.loads(done.stdout))
    for name, rounds in measured.items():
        opening, memory, times = (
            float(np.median([r[key] for r in rounds])) for key in ("open", "memory", "query")
        )
        found = np.load(folder / f"{name}.npy")
        hit = (truth[:, :, None] == found[:, None, :]).any(2)
        files = folder.glob("quantised/*" if name == "quantised" else "vectors.npy")
        size = sum(path.stat().st_size for path in files) / 1e6
        print(
            f"| {count:,} | {name} | {built if name == 'quantised' else 0:.0f} | {size:,.0f} | "
            f"{opening:.3f} | {memory:,.0f} | {times:.2f} | {hit[:, 0].mean():.4f}, "
            f"{hit.mean():.4f} |",
            flush=True,
        )


def _measure(folder: Path, name: str) -> dict[str, float]:
    """Open the vectors, search with all queries, and return times and memory."""
    queries = np.load(folder / "queries.npy")
    before = _resident("VmRSS")
    began = time.perf_counter()
    vectors = load_array(folder / "vectors.npy", "float32", (None, None), mapped=True)
    find = nearest
    if name == "quantised":
        search = QuantisedSearch(**json.loads((folder / "search.json").read_text()))
        find = read_quantised(folder, search, vectors, verify=False).nearest
    opened = time.perf_counter() - began
    began = time.perf_counter()
    blocks = [queries[i : i + _BATCH] for i in range(0, len(queries), _BATCH)]
    rows = np.concatenate([find(vectors, block, 10)[1] for block in blocks])
    seconds = time.perf_counter() - began
    np.save(folder / f"{name}.npy", rows)
    return {
        "open": opened,
        "memory": _resident("VmHWM") - before,
        "query": 1e3 * seconds / len(queries),
    }


def _resident(kind: str) -> float:
    """Return the resident memory of this process in MB, files that are mapped included.

    ``kind`` is VmRSS for now, VmHWM for the peak.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{kind}:")[1].split()[0]) / 1e3


if __name__ == "__main__":
    main()
