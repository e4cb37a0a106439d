"""BINs from vectors: agglomerative clustering, and its agreement with known BINs.

Imports scikit-learn and SciPy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from barcodeembed.errors import InputError

#: Largest number of barcodes that are clustered. The matrix of their distances then takes 2.5 GB.
MAX_CLUSTERED = 25_000

#: Largest number of training barcodes that the distance threshold is fitted on.
MAX_FITTED = 5_000

_THRESHOLDS = 50


def check_scikit_learn() -> None:
    """Raise InputError if scikit-learn is not installed."""
    try:
        import sklearn.metrics  # noqa: F401
    except ImportError:
        raise InputError(
            "--protocol bins needs scikit-learn: pip install 'barcodeembed[protocols]'"
        ) from None


def adjusted_mutual_information(truth: np.ndarray, found: np.ndarray) -> float:
    """Return the agreement of two partitions, corrected for chance: 1 if equal, about 0 if random.

    The method is that of Vinh, Epps and Bailey, JMLR 11:2837 (2010), with the arithmetic mean of
    the entropies. This is the default of scikit-learn, which the papers use.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(truth, found))


def cluster_into(vectors_ND: np.ndarray, count: int) -> np.ndarray:
    """Cluster unit vectors into ``count`` clusters by Ward's method; return numbers, int (N,)."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(vectors_ND) < 2:
        return np.zeros(len(vectors_ND), int)
    tree = linkage(vectors_ND.astype(np.float64), "ward")
    return fcluster(tree, count, "maxclust")


def cluster_within(vectors_ND: np.ndarray, threshold: float) -> np.ndarray:
    """Cluster unit vectors by average linkage up to a cosine distance; return numbers, int (N,)."""
    from scipy.cluster.hierarchy import fcluster

    if len(vectors_ND) < 2:
        return np.zeros(len(vectors_ND), int)
    return fcluster(_average_tree(vectors_ND), threshold, "distance")


def learn_threshold(vectors_ND: np.ndarray, bins: np.ndarray) -> float:
    """Return the cosine distance at which average-linkage clusters agree best with known BINs.

    It is the best of 50 quantiles of the distances at which the clusters of these vectors merge.
    """
    from scipy.cluster.hierarchy import fcluster

    tree = _average_tree(vectors_ND)
    heights = np.unique(np.quantile(tree[:, 2], np.linspace(0, 1, _THRESHOLDS)))
    agreement = [
        adjusted_mutual_information(bins, fcluster(tree, height, "distance")) for height in heights
    ]
    return float(heights[int(np.argmax(agreement))])


def draw_bins(bins: Sequence[str | None], maximum: int, seed: int) -> np.ndarray:
    """Draw complete BINs at random; return their rows, int, at most ``maximum``.

    A random sample of rows would leave fewer records in each BIN, which changes the best threshold.
    """
    named = [bin for bin in bins if bin]
    names, counts = np.unique(np.array(named, dtype=str), return_counts=True)
    chosen: set[str] = set()
    left = maximum
    for i in np.random.default_rng(seed).permutation(len(names)):
        if counts[i] <= left:
            chosen.add(str(names[i]))
            left -= counts[i]
    return np.array([i for i, bin in enumerate(bins) if bin in chosen], int)


def _average_tree(vectors_ND: np.ndarray) -> np.ndarray:
    from scipy.cluster.hierarchy import linkage

    return linkage(vectors_ND.astype(np.float64), "average", metric="cosine")
