"""A small neighbour-joining tree of a query and its hits (Saitou and Nei 1987), by Biopython."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from barcodeembed.scoring.identity import percent_identity

#: Fewer leaves make no tree.
MIN_LEAVES = 3


def distances_by_identity(sequences: Sequence[str]) -> np.ndarray:
    """Return the fraction of different bases of each pair, float64 (n, n), where they overlap."""
    distances = np.zeros((len(sequences), len(sequences)))
    for i, one in enumerate(sequences):
        for j in range(i):
            distances[i, j] = distances[j, i] = 1 - percent_identity(one, sequences[j]) / 100
    return distances


def distances_by_similarity(vectors: np.ndarray) -> np.ndarray:
    """Return one minus the cosine similarity of each pair of unit vectors, float64 (n, n)."""
    return np.clip(1.0 - vectors.astype(float) @ vectors.T.astype(float), 0.0, None)


def joined(labels: Sequence[str], distances: np.ndarray) -> object:
    """Return the neighbour-joining tree of Bio.Phylo; labels must differ.

    Branches that come out negative have length 0.
    """
    from Bio.Phylo.TreeConstruction import DistanceMatrix, DistanceTreeConstructor

    rows = [distances[i, : i + 1].tolist() for i in range(len(labels))]
    tree = DistanceTreeConstructor().nj(DistanceMatrix(list(labels), rows))
    for clade in tree.find_clades():
        clade.branch_length = max(clade.branch_length or 0.0, 0.0)
        if not clade.is_terminal():
            clade.name = None  # not Inner1, Inner2, ...
    tree.root_at_midpoint()
    tree.ladderize()
    return tree


def drawn(tree: object, width: int = 100) -> str:
    """Return a tree as text."""
    from Bio import Phylo

    stream = io.StringIO()
    Phylo.draw_ascii(tree, file=stream, column_width=width)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return "\n".join(line for line in lines if line) + "\n"
