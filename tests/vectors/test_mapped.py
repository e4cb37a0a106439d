"""Pages of large mapped arrays are given back, and the arrays have the same values."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from barcodeembed.vectors import mapped, quantised
from barcodeembed.vectors.quantised import Quantised
from barcodeembed.vectors.search import nearest

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def resident(path: Path) -> int:
    """Return how many kB of a mapped file are memory of this process."""
    sizes, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if not line.split()[0].endswith(":"):
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            sizes += int(line.split()[1])
    return sizes


@pytest.fixture
def stored(tmp_path) -> tuple[Path, np.ndarray]:
    """Return a file of unit vectors, and the array that is mapped from it."""
    vectors = np.random.default_rng(0).standard_normal((4_000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(tmp_path / "vectors.npy", vectors)
    return tmp_path / "vectors.npy", np.load(tmp_path / "vectors.npy", mmap_mode="r")


@linux
def test_a_search_leaves_no_pages_of_a_large_array(stored, monkeypatch):
    path, vectors = stored
    made = Quantised.of(vectors, margin=0.5)
    expected = made.nearest(vectors, np.array(vectors[:100]), 5)
    assert resident(path) > 900
    monkeypatch.setattr(mapped, "LARGE", 1_000)
    monkeypatch.setattr(quantised, "_MOST_MAPPED", 500)
    found = made.nearest(vectors, np.array(vectors[:100]), 5)
    assert resident(path) < 100
    assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True))
    assert np.array_equal(vectors, np.load(path))


@linux
def test_small_arrays_and_arrays_in_memory_stay(stored, monkeypatch):
    path, vectors = stored
    vectors.sum()
    mapped.release(vectors)
    assert resident(path) > 900
    monkeypatch.setattr(mapped, "LARGE", 1_000)
    changed = np.load(path, mmap_mode="c")
    changed[0, 0] = 7.0
    for array in (changed, np.array(vectors)):
        mapped.release(array)
    assert changed[0, 0] == 7.0  # a private copy would be lost
    mapped.release(np.asarray(vectors)[10:])
    assert resident(path) < 100


def test_exact_search_is_the_same(stored, monkeypatch):
    _, vectors = stored
    expected = nearest(vectors, np.array(vectors[:70]), 5)
    monkeypatch.setattr(mapped, "LARGE", 1_000)
    found = nearest(vectors, np.array(vectors[:70]), 5)
    assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True))
