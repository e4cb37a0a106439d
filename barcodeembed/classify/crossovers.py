"""Find chimeras by alignment: reads that two references explain much better than one.

The closest references of the first and of the last part of a read, and of the whole read, are
aligned to it. At each position, the best reference of what is before it and the best one of what is
after it are a pair of parents. A read is a chimera if its best pair is of two families and leaves
far fewer differences than the best single reference, as in UCHIME (Edgar et al. 2011).

Shapes: C candidates, L bases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from barcodeembed.classify.chimeras import RANK, are_of_two_families
from barcodeembed.scoring.candidates import Finder
from barcodeembed.scoring.identity import overlap
from barcodeembed.scoring.vote import Members
from barcodeembed.taxonomy.taxa import Taxa

#: The fraction of the bases that the pair must explain in addition to the best single reference.
#: Chosen on barcodes of unknown genera: ``python benchmarks/chimeras.py``.
MIN_GAIN = 0.05

#: Each parent must have at least this fraction of the read.
_MIN_PART = 0.2


def find_crossovers(
    bases: Sequence[str],
    rows_QK: np.ndarray,
    finder: Finder,
    vectors_ND: np.ndarray,
    sequences: Sequence[str],
    members: Members,
    taxa: Taxa,
    embed: Callable[[list[str]], np.ndarray],
    *,
    min_bases: int,
) -> np.ndarray:
    """Return which queries are likely chimeras, bool (Q,).

    ``rows_QK`` are the closest references of the whole queries. ``embed`` makes unit vectors. A
    query with fewer than twice ``min_bases`` bases is never called a chimera, nor is any query if
    the references have no families.
    """
    found = np.zeros(len(bases), bool)
    long = [i for i, query in enumerate(bases) if len(query) >= 2 * min_bases]
    if not long or RANK not in taxa.ranks:
        return found
    family_L = taxa.codes[:, taxa.ranks.index(RANK)]
    parts = [query[: _part(query, min_bases)] for query in (bases[i] for i in long)]
    parts += [query[-_part(query, min_bases) :] for query in (bases[i] for i in long)]
    made = embed(parts)
    made[~np.isfinite(made).all(1)] = 0.0
    of_parts = finder.find(vectors_ND, parts, made).rows.reshape(2, len(long), -1)
    for k, i in enumerate(long):
        rows = np.unique(np.concatenate([rows_QK[i], *of_parts[:, k]])).tolist()
        before_CL = np.stack([_differences(bases[i], sequences[row]) for row in rows])
        one, other, gain = best_pair(before_CL)
        if gain >= MIN_GAIN * len(bases[i]):
            found[i] = are_of_two_families(rows[one], rows[other], members, family_L)
    return found


def _part(query: str, min_bases: int) -> int:
    return max(min_bases, len(query) // 3)


def _differences(query: str, reference: str) -> np.ndarray:
    """Return the number of differences before each base and after the last, float64 (L + 1,).

    Bases that the reference does not cover are differences, and an N is none.
    """
    differs = np.ones(len(query))
    one, other = (np.frombuffer(s.encode(), np.uint8) for s in overlap(query, reference))
    present = one != ord("-")
    start = query.find(one[present].tobytes().decode())
    differs[start : start + present.sum()] = ((one != other) & (one != ord("N")))[present]
    return np.concatenate([[0.0], np.cumsum(differs)])


def best_pair(before_CL: np.ndarray) -> tuple[int, int, float]:
    """Return the parents of the best pair, and how many differences fewer it has than one parent.

    ``before_CL`` has the differences of each candidate before each position, (C, L + 1).

    >>> before = np.array([[0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 3, 3]])
    >>> best_pair(before)
    (0, 1, 2.0)
    """
    length = before_CL.shape[1] - 1
    least = int(np.ceil(_MIN_PART * length))
    before = before_CL[:, least : length - least + 1]
    after = before_CL[:, -1:] - before
    both = before.min(0) + after.min(0)
    at = int(both.argmin())
    gain = float(before_CL[:, -1].min() - both[at])
    return int(before[:, at].argmin()), int(after[:, at].argmin()), gain
