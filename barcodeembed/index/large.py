"""The quantised search of a large index: choose it, measure what it misses, write and read it.

The folder ``quantised/`` of a bundle has the arrays of `Quantised`. How many clusters a query
visits is learned from a sample of the barcodes and from fragments of them: half of these queries
choose the margin, and the other half measure the recall.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from barcodeembed.bundles.checks import check_range, load_array
from barcodeembed.calibration.sample import Sample
from barcodeembed.errors import BundleError
from barcodeembed.index.collect import BuildReport
from barcodeembed.index.options import BuildOptions
from barcodeembed.index.settings import QuantisedSearch
from barcodeembed.vectors.quantised import Quantised, lengths_of
from barcodeembed.vectors.search import nearest_others

#: The folder of a bundle with the arrays of the quantised search.
QUANTISED = "quantised"

#: From this number of vectors on, ``search="auto"`` is quantised.
LARGE = 100_000

#: The recall that a quantised search must have.
LEAST_RECALL = 0.999

#: The neighbours whose recall is measured.
_NEIGHBOURS = 10

#: The fraction of the true neighbours whose clusters are visited: the first that is enough is used.
_VISITED = (0.9995, 0.9999, 1.0)

#: The arrays and their types.
_ARRAYS = {
    "centres": "int8",
    "starts": "int64",
    "rows": "uint32",
    "codes": "int8",
    "lengths": "float32",
}


def choose_search(
    vectors: np.ndarray,
    sample: Sample,
    read_vectors: np.ndarray,
    options: BuildOptions,
    report: BuildReport,
) -> Quantised | None:
    """Return the quantised search of an index, or None if it is not wanted or finds too few.

    It is measured with the barcodes of the ``sample`` and with reads of them, (S, D).
    """
    wanted = {"auto": len(vectors) >= LARGE, "exact": False, "quantised": True}
    if not wanted[options.search] or len(vectors) < 2 or not len(sample):
        return None
    queries = np.concatenate([sample.vectors, read_vectors])
    made, report.search = make_quantised(
        vectors, queries, np.tile(sample.own, 2), seed=options.seed
    )
    return made if report.search.recall >= LEAST_RECALL else None


def make_quantised(
    vectors: np.ndarray, queries: np.ndarray, own: np.ndarray, *, seed: int
) -> tuple[Quantised, QuantisedSearch]:
    """Quantise reference vectors, (N, D), choose the margin, and measure the recall.

    ``queries`` (Q, D) are made from the references ``own`` (Q,), which they must not find. The
    recall can be too low: see `LEAST_RECALL`.
    """
    return _choose_margin(
        Quantised.of(vectors, seed=seed), vectors, queries, own, _neighbours(vectors, queries, own)
    )


def extend_quantised(
    made: Quantised, vectors: np.ndarray, queries: np.ndarray, own: np.ndarray
) -> tuple[Quantised, QuantisedSearch]:
    """Measure the recall of a search to which vectors were added; keep its margin if it is enough.

    The arguments and the result are as those of `make_quantised`.
    """
    truth = _neighbours(vectors, queries, own)
    search = _measure(made, vectors, queries, own, truth)
    if search.recall >= LEAST_RECALL:
        return made, search
    return _choose_margin(made, vectors, queries, own, truth)


def _neighbours(vectors: np.ndarray, queries: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the closest other references of each query by an exact search, int64 (Q, K)."""
    return nearest_others(vectors, queries, own, min(_NEIGHBOURS, len(vectors) - 1))[1]


def _choose_margin(
    made: Quantised,
    vectors: np.ndarray,
    queries: np.ndarray,
    own: np.ndarray,
    truth: np.ndarray,
) -> tuple[Quantised, QuantisedSearch]:
    """Choose the margin with every second query, and measure the recall with the others."""
    near = made.similarities(queries)
    of_truth = np.take_along_axis(near, made.clusters[truth], 1)
    shortfall = near.max(1, keepdims=True) - of_truth
    for fraction in _VISITED:
        margin = np.ceil(np.quantile(shortfall[::2], fraction) * 1e4) / 1e4
        made = replace(made, margin=float(margin))
        search = _measure(made, vectors, queries[1::2], own[1::2], truth[1::2])
        if search.recall >= LEAST_RECALL:
            break
    return made, search


def _measure(
    made: Quantised,
    vectors: np.ndarray,
    queries: np.ndarray,
    own: np.ndarray,
    truth: np.ndarray,
) -> QuantisedSearch:
    """Return how a search works, and how many of the true neighbours (Q, K) it finds."""
    found = nearest_others(vectors, queries, own, truth.shape[1], search=made.nearest)[1]
    hit = (truth[:, :, None] == found[:, None, :]).any(2)
    return QuantisedSearch(
        len(made.centres),
        made.margin,
        round(float(hit[:, 0].mean()), 5),
        round(float(hit.mean()), 5),
    )


def write_quantised(bundle: Path, quantised: Quantised) -> None:
    """Write the arrays of the quantised search of an index."""
    folder = bundle / QUANTISED
    folder.mkdir()
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(quantised, name))


def read_quantised(
    bundle: Path, search: QuantisedSearch, vectors: np.ndarray, *, verify: bool
) -> Quantised:
    """Map the arrays of the quantised search of an index with these vectors, (N, D), into memory.

    Shapes are always checked, with ``verify`` also values. Raises BundleError that names the file.
    """
    folder, (count, width), clusters = bundle / QUANTISED, vectors.shape, search.clusters
    shapes = ((clusters, width), (clusters + 1,), (count,), (count, width), (count,))
    arrays = {
        name: load_array(folder / f"{name}.npy", dtype, shape, mapped=True)
        for (name, dtype), shape in zip(_ARRAYS.items(), shapes, strict=True)
    }
    starts = arrays["starts"] = np.array(arrays["starts"])
    if starts[0] != 0 or starts[-1] != count or (starts[1:] <= starts[:-1]).any():
        raise BundleError(f"{folder / 'starts.npy'}: is not in ascending order from 0 to {count}")
    if verify:
        _check(folder, arrays["rows"], arrays["codes"], arrays["lengths"])
    return Quantised(**arrays, margin=search.margin)


def _check(folder: Path, rows: np.ndarray, codes: np.ndarray, lengths: np.ndarray) -> None:
    """Raise BundleError unless each vector has one code, and the lengths are those of the codes."""
    check_range(folder / "rows.npy", "a row", rows, len(rows))
    if not np.bincount(rows, minlength=len(rows)).all():
        raise BundleError(f"{folder / 'rows.npy'}: a vector has no code")
    step = 1 << 16
    for start in range(0, len(codes), step):
        part = slice(start, start + step)
        if (lengths_of(codes[part]) != lengths[part]).any():
            raise BundleError(f"{folder / 'lengths.npy'}: has lengths that are not of the codes")
