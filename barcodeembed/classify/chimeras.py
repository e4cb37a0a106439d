"""Find chimeras, sequences of two organisms, by the vectors of the halves of a query.

This is for an index without sequences; with sequences, `crossovers` finds more.

Each half of a chimera is similar to a reference of its own family, and much less similar to that of
the other half. And while half a barcode usually has a lower similarity to its nearest reference
than the whole barcode, both halves of a chimera have a higher one. Either sign is enough. The
second one fails where the model knows one half less well than the other: the last quarter of
COI-5P, half of the Leray amplicon, has a similarity of 0.5 to its own species.

Shapes: Q queries, N reference vectors, D dimensions, L lineages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from barcodeembed.scoring.vote import Members
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.search import nearest

RANK = "family"

#: How much less similar each half must be to the nearest reference of the other half than to its
#: own. Chosen on barcodes of unknown genera: ``python benchmarks/chimeras.py``.
_MIN_DIFFERENCE = 0.45


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
    if not long or RANK not in taxa.ranks:
        return found
    family_L = taxa.codes[:, taxa.ranks.index(RANK)]
    halves = [bases[i][: len(bases[i]) // 2] for i in long]
    halves += [bases[i][len(bases[i]) // 2 :] for i in long]
    made = embed(halves)
    finite = np.isfinite(made).all(1)
    made[~finite] = 0.0
    similarities, rows = nearest(vectors_ND, made, 1)
    similarity = np.where(finite, similarities[:, 0], -1.0).reshape(2, -1)
    one, other = rows[:, 0].reshape(2, -1).tolist()
    better = (similarity > similarities_Q[long]).all(0)
    of_other = rows[:, 0].reshape(2, -1)[::-1].reshape(-1)
    crossed = np.einsum("qd,qd->q", made, vectors_ND[of_other]).reshape(2, -1)
    apart = np.round(similarity - crossed, 4) >= _MIN_DIFFERENCE
    for k in np.flatnonzero(better | apart.all(0)):
        found[long[k]] = are_of_two_families(one[k], other[k], members, family_L)
    return found


def are_of_two_families(one: int, other: int, members: Members, family_L: np.ndarray) -> bool:
    """Return whether two reference vectors have families, and none in common."""
    families = [_families_of(row, members, family_L) for row in (one, other)]
    return all(families) and families[0].isdisjoint(families[1])


def _families_of(vector: int, members: Members, family_L: np.ndarray) -> set[int]:
    """Return the families of a reference vector."""
    lineages = members.lineages[members.starts[vector] : members.starts[vector + 1]]
    return set(family_L[lineages].tolist()) - {-1}
