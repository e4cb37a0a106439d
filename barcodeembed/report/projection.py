"""A map: vectors in two dimensions, by UMAP if it is installed, otherwise by PCA."""

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

#: Minimum number of points for UMAP, which uses 15 neighbours of each point.
_MIN_FOR_UMAP = 32

#: Settings of UMAP for queries with references: by default it puts such small groups into one spot.
_SPREAD_OUT = {"n_neighbors": 50, "min_dist": 0.9}


@dataclass(frozen=True, slots=True)
class Projection:
    """``points`` (N, 2) are from 0 to 1, on one scale for both axes; NaN without a vector."""

    method: str
    axes: tuple[str, str]
    points: np.ndarray


def read_vectors(paths: Sequence[str | os.PathLike[str]], query_ids: Sequence[str]) -> np.ndarray:
    """Return the vectors (N, dimensions) of .npy files: one for each query, in order.

    Raises InputError if a file cannot be read, if the number of vectors differs from that of the
    queries, or if the file of ids that `embed` wrote with the vectors has other ids.
    """
    parts = [_load(path) for path in paths]
    if len({part.shape[1] for part in parts}) > 1:
        raise InputError(
            "vectors of different dimensions; embed all files with the same model", paths[1]
        )
    total = sum(map(len, parts))
    if total != len(query_ids):
        raise InputError(
            f"{total:,} vectors for {len(query_ids):,} rows of the table; "
            "embed the file that was classified",
            paths[0],
        )
    at = 0
    for path, part in zip(paths, parts, strict=True):
        _check_ids(path, len(part), query_ids[at : at + len(part)])
        at += len(part)
    return np.concatenate(parts).astype(np.float64)


def project(vectors: np.ndarray, *others: np.ndarray) -> Projection:
    """Project vectors (N, dimensions), then ``others``, to a plane; ignore their lengths."""
    vectors = np.concatenate([vectors, *others], dtype=np.float64)
    points = np.full((len(vectors), 2), np.nan)
    lengths = np.linalg.norm(vectors, axis=1)
    usable = np.isfinite(lengths) & (lengths > 0)
    directions = vectors[usable] / lengths[usable, None]
    umap = _umap() if len(directions) >= _MIN_FOR_UMAP else None
    if umap is None:
        points[usable], fractions = _pca(directions)
        first, second = (
            f"PC{n} ({fraction:.0%} of the variance)" for n, fraction in enumerate(fractions, 1)
        )
        return Projection("PCA", (first, second), _fitted(points))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # UMAP warns that a seed limits it to one thread
        settings = _SPREAD_OUT if others else {}
        layout = umap.UMAP(metric="cosine", random_state=0, **settings)
        points[usable] = layout.fit_transform(directions)
    return Projection("UMAP", ("UMAP 1", "UMAP 2"), _fitted(points))


def _pca(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first two principal components (N, 2) and their fractions of the variance."""
    if not len(directions) or directions.shape[1] < 2:
        return np.zeros((len(directions), 2)), np.zeros(2)
    centred = directions - directions.mean(0)
    variances, axes = principal_axes(centred.T @ centred)
    return centred @ axes[:, [0, 1]], np.clip(variances[:2], 0, None) / max(variances.sum(), 1e-300)


def _fitted(points: np.ndarray) -> np.ndarray:
    """Move and scale points to the centre of the unit square; keep their proportions."""
    finite = points[np.isfinite(points[:, 0])]
    if not len(finite):
        return points
    low, high = finite.min(0), finite.max(0)
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
        raise InputError("contains no vectors; expected a .npy file of `barcodeembed embed`", path)
    return loaded


def _check_ids(path: str | os.PathLike[str], vectors: int, query_ids: Sequence[str]) -> None:
    ids_path = f"{os.fspath(path)}.ids.tsv"
    if not os.path.exists(ids_path):
        return
    with open(ids_path, encoding="utf-8", newline="\n") as stream:
        rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        ids = [row[0] for row in rows][1:]
    if len(ids) != vectors:
        raise InputError(f"has {vectors:,} vectors, but {ids_path} has {len(ids):,} ids", path)
    for number, (id, query) in enumerate(zip(ids, query_ids, strict=False), 1):
        if id != query:
            raise InputError(
                f"vector {number} is of {id}, row {number} of the table of {query}; "
                "embed the file that was classified",
                path,
            )
