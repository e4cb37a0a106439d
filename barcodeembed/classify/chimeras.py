"""Find chimeras, sequences of two organisms, by searching with each half of a query.

Half a barcode usually has a lower similarity to its nearest reference than the whole barcode. In a
chimera, both halves have a higher similarity, each to a reference of another family.

Shapes: Q queries, N reference vectors, D dimensions, L lineages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from barcodeembed.scoring.vote import Members
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.search import nearest

_RANK = "family"


def find_chimeras(
    bases: Sequence[str],
    similarities_Q: np.ndarray,
    vectors_ND: np.ndarray,
    members: Members,
    taxa: Taxa,
    embed: Callable[[list[str]], np.ndarray],
    *,
    min_bases: int,
) -> np.ndarray:
    """Return which queries are likely chimeras, bool (Q,).

    ``similarities_Q`` are the similarities of the whole queries to their nearest vectors.
    ``embed`` makes unit vectors, float32 (n, D). A query whose halves have fewer than ``min_bases``
    bases is never called a chimera, nor is any query if the references have no families.
    """
    found = np.zeros(len(bases), bool)
    long = [i for i, query in enumerate(bases) if len(query) // 2 >= min_bases]
    if not long or _RANK not in taxa.ranks:
        return found
    family_L = taxa.codes[:, taxa.ranks.index(_RANK)]
    halves = [bases[i][: len(bases[i]) // 2] for i in long]
    halves += [bases[i][len(bases[i]) // 2 :] for i in long]
    made = embed(halves)
    finite = np.isfinite(made).all(1)
    made[~finite] = 0.0
    similarities, rows = nearest(vectors_ND, made, 1)
    similarity = np.where(finite, similarities[:, 0], -1.0).reshape(2, -1)
    one, other = rows[:, 0].reshape(2, -1).tolist()
    better = (similarity > similarities_Q[long]).all(0)
    for k in np.flatnonzero(better):
        families = [_families(row, members, family_L) for row in (one[k], other[k])]
        found[long[k]] = all(families) and not families[0] & families[1]
    return found


def _families(vector: int, members: Members, family_L: np.ndarray) -> set[int]:
    """Return the families of a reference vector."""
    lineages = members.lineages[members.starts[vector] : members.starts[vector + 1]]
    return set(family_L[lineages].tolist()) - {-1}
