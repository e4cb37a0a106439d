"""BINs from vectors alone: agglomerative clusterings and their agreement. Imports scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from barcodeembed.errors import InputError

#: Barcodes that are clustered at most: a matrix of all their distances is held, 2.5 GB at this.
MOST = 25_000

#: Training barcodes that the threshold is learnt from.
LEARNT_FROM = 5_000

_THRESHOLDS = 50


def check_scikit_learn() -> None:
    """Raise InputError where scikit-learn is not installed."""
    try:
        import sklearn.metrics  # noqa: F401
    except ImportError:
        raise InputError(
            "--protocol bins needs scikit-learn: pip install 'barcodeembed[protocols]'"
        ) from None


def adjusted_mutual_information(truth: np.ndarray, found: np.ndarray) -> float:
    """Return how far two partitions agree beyond chance: 1 the same, about 0 unrelated.

    Vinh, Epps and Bailey, JMLR 11:2837 (2010), with the arithmetic mean of entropies, which is
    scikit-learn's default and so the papers'.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(truth, found))


def cluster_into(vectors_ND: np.ndarray, count: int) -> np.ndarray:
    """Cluster unit vectors into so many clusters by Ward's method; int (N,)."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(vectors_ND) < 2:
        return np.zeros(len(vectors_ND), int)
    tree = linkage(vectors_ND.astype(np.float64), "ward")
    return fcluster(tree, count, "maxclust")


def cluster_within(vectors_ND: np.ndarray, threshold: float) -> np.ndarray:
    """Cluster unit vectors whose mean cosine distance is within a threshold; int (N,)."""
    from scipy.cluster.hierarchy import fcluster

    if len(vectors_ND) < 2:
        return np.zeros(len(vectors_ND), int)
    return fcluster(_average_tree(vectors_ND), threshold, "distance")


def learn_threshold(vectors_ND: np.ndarray, bins: np.ndarray) -> float:
    """Return the cosine distance at which average-linkage clusters agree best with known BINs.

    The heights tried are evenly spread among those at which clusters of these vectors merge.
    """
    from scipy.cluster.hierarchy import fcluster

    tree = _average_tree(vectors_ND)
    heights = np.unique(np.quantile(tree[:, 2], np.linspace(0, 1, _THRESHOLDS)))
    agreement = [
        adjusted_mutual_information(bins, fcluster(tree, height, "distance")) for height in heights
    ]
    return float(heights[int(np.argmax(agreement))])


def draw_bins(bins: Sequence[str | None], most: int, seed: int) -> np.ndarray:
    """Return at most ``most`` rows, int: those of whole BINs, drawn at random.

    Whole ones: a sample of rows would thin them out, and shift the best threshold.
    """
    named = [bin for bin in bins if bin]
    names, counts = np.unique(np.array(named, dtype=str), return_counts=True)
    chosen: set[str] = set()
    left = most
    for i in np.random.default_rng(seed).permutation(len(names)):
        if counts[i] <= left:
            chosen.add(str(names[i]))
            left -= counts[i]
    return np.array([i for i, bin in enumerate(bins) if bin in chosen], int)


def _average_tree(vectors_ND: np.ndarray) -> np.ndarray:
    from scipy.cluster.hierarchy import linkage

    return linkage(vectors_ND.astype(np.float64), "average", metric="cosine")
