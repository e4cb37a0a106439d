"""A map: vectors in two dimensions, by UMAP where it is there, or by PCA."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from barcodeembed.errors import InputError
from barcodeembed.vectors.pca import principal_axes

#: UMAP looks at 15 neighbours of each; fewer points than that have no neighbourhoods to show.
_MIN_FOR_UMAP = 32

#: Each query brings its few references, and UMAP's defaults draw so small groups into one spot.
_SPREAD_OUT = {"n_neighbors": 50, "min_dist": 0.9}


@dataclass(frozen=True, slots=True)
class Projection:
    """``points`` (N, 2) lie within 0 to 1, both axes to one scale; NaN where there is no vector."""

    method: str
    axes: tuple[str, str]
    points: np.ndarray


def read_vectors(paths: Sequence[str | os.PathLike[str]], query_ids: Sequence[str]) -> np.ndarray:
    """Return the vectors (N, dimensions) of .npy files, which hold one for each query, in order.

    Raises InputError where a file cannot be read, their numbers differ from those of the queries,
    or the ids that `embed` wrote beside a file are others.
    """
    parts = [_load(path) for path in paths]
    if len({part.shape[1] for part in parts}) > 1:
        raise InputError("vectors of different dimensions; embed all with one model", paths[1])
    total = sum(map(len, parts))
    if total != len(query_ids):
        raise InputError(
            f"{total:,} vectors for {len(query_ids):,} rows of the table; "
            "embed the file that was classified",
            paths[0],
        )
    at = 0
    for path, part in zip(paths, parts, strict=True):
        _check_ids(path, query_ids[at : at + len(part)])
        at += len(part)
    return np.concatenate(parts).astype(np.float64)


def project(vectors: np.ndarray, *others: np.ndarray) -> Projection:
    """Lay vectors (N, dimensions) out in a plane, ``others`` after them; only directions count."""
    vectors = np.concatenate([vectors, *others], dtype=np.float64)
    points = np.full((len(vectors), 2), np.nan)
    lengths = np.linalg.norm(vectors, axis=1)
    usable = np.isfinite(lengths) & (lengths > 0)
    directions = vectors[usable] / lengths[usable, None]
    umap = _umap() if len(directions) >= _MIN_FOR_UMAP else None
    if umap is None:
        points[usable], shares = _pca(directions)
        first, second = (
            f"PC{n} ({share:.0%} of the variance)" for n, share in enumerate(shares, 1)
        )
        return Projection("PCA", (first, second), _fitted(points))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed leaves it one thread
        settings = _SPREAD_OUT if others else {}
        layout = umap.UMAP(metric="cosine", random_state=0, **settings)
        points[usable] = layout.fit_transform(directions)
    return Projection("UMAP", ("UMAP 1", "UMAP 2"), _fitted(points))


def _pca(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first two principal components (N, 2) and their shares of the variance."""
    if not len(directions) or directions.shape[1] < 2:
        return np.zeros((len(directions), 2)), np.zeros(2)
    centred = directions - directions.mean(0)
    variances, axes = principal_axes(centred.T @ centred)
    return centred @ axes[:, [0, 1]], np.clip(variances[:2], 0, None) / max(variances.sum(), 1e-300)


def _fitted(points: np.ndarray) -> np.ndarray:
    """Move and scale points into the unit square, in its middle, keeping their proportions."""
    there = points[np.isfinite(points[:, 0])]
    if not len(there):
        return points
    low, high = there.min(0), there.max(0)
    extent = (high - low).max() or 1.0
    return (points - (low + high) / 2) / extent + 0.5


def _umap() -> ModuleType | None:
    try:
        import umap
    except ImportError:
        return None
    return umap


def _load(path: str | os.PathLike[str]) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or 'damaged'}", path) from None
    except (ValueError, EOFError):
        loaded = None
    if not isinstance(loaded, np.ndarray) or loaded.ndim != 2 or loaded.dtype.kind != "f":
        raise InputError("holds no vectors; expected a .npy of `barcodeembed embed`", path)
    return loaded


def _check_ids(path: str | os.PathLike[str], query_ids: Sequence[str]) -> None:
    beside = f"{os.fspath(path)}.ids.tsv"
    if not os.path.exists(beside):
        return
    with open(beside, encoding="utf-8", newline="\n") as stream:
        rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        ids = [row[0] for row in rows][1:]
    for number, (id, query) in enumerate(zip(ids, query_ids, strict=False), 1):
        if id != query:
            raise InputError(
                f"vector {number} is of {id}, row {number} of the table of {query}; "
                "embed the file that was classified",
                path,
            )
