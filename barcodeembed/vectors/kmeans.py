"""Spherical k-means: clusters of unit vectors by cosine similarity.

Shapes: N vectors, D dimensions, K clusters.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def spherical_k_means(
    vectors_ND: np.ndarray,
    labels_N: np.ndarray,
    centres_KD: np.ndarray,
    centres_of: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    iterations: int,
    stop_at_empty: bool = False,
) -> np.ndarray:
    """Return the cluster (N,) of every unit vector, starting from given clusters.

    Each iteration computes the centres of the clusters and assigns every vector to the most
    similar centre. It stops early when no vector changes its cluster. The sums have the precision
    of ``vectors_ND``.

    Args:
        vectors_ND: Unit vectors.
        labels_N: The cluster of each vector at the start.
        centres_KD: The centres at the start. A cluster that is empty keeps its centre.
        centres_of: Returns unit centres from the sums (K, D) and the sizes (K,) of the clusters.
            The caller decides on rounding here, because it can change the result.
        iterations: The maximum number of iterations.
        stop_at_empty: Stop as soon as a cluster is empty.
    """
    for _ in range(iterations):
        counts_K = np.bincount(labels_N, minlength=len(centres_KD))
        if stop_at_empty and not counts_K.all():
            break
        sums_KD = np.zeros(centres_KD.shape, vectors_ND.dtype)
        np.add.at(sums_KD, labels_N, vectors_ND)
        centres_KD = np.where(counts_K[:, None] > 0, centres_of(sums_KD, counts_K), centres_KD)
        before_N, labels_N = labels_N, most_similar(vectors_ND, centres_KD)
        if (labels_N == before_N).all():
            break
    return labels_N


def most_similar(vectors_ND: np.ndarray, centres_KD: np.ndarray) -> np.ndarray:
    """Return the number (N,) of the centre that is most similar to each vector."""
    return (vectors_ND @ centres_KD.T).argmax(1)


def choose_centres(vectors_ND: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Choose distant unit vectors as the first centres (K, D), by k-means++.

    Each vector is drawn with a probability proportional to its distance from the most similar
    centre that was chosen before.
    """
    chosen: list[int] = []
    distance_N = np.ones(len(vectors_ND))
    for _ in range(clusters):
        # No vector is chosen twice. If all vectors are equal, any of them can be chosen.
        distance_N = np.maximum(distance_N, 1e-9)
        distance_N[chosen] = 0
        chosen.append(rng.choice(len(vectors_ND), p=distance_N / distance_N.sum()))
        distance_N = np.minimum(distance_N, 1 - vectors_ND @ vectors_ND[chosen[-1]])
    return vectors_ND[chosen]
