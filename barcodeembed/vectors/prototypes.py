"""Prototypes: one mean vector, or a few, for all barcodes of a taxon. Functions on arrays.

A prototype is the normalised mean of unit vectors. The length of that mean, before it is
normalised, is the mean similarity of the barcodes and the prototype: their cohesion. If barcodes
are dissimilar, their mean is similar to none of them. So the groups with the lowest cohesion are
divided in two, and these again, by spherical 2-means.

Shapes: N barcodes, D dimensions, M members (barcode, group), P prototypes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.vectors.kmeans import spherical_k_means
from barcodeembed.vectors.normalise import normalise

#: Fraction of the groups with several barcodes that are divided: those with the lowest cohesion.
#: More divisions give more correct names and a larger index; with this fraction it is a quarter
#: larger.
_DIVIDED = 0.3

_MAX_PER_GROUP = 3
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Prototypes:
    """Prototypes, in the order of their groups.

    ``vectors`` float32 (P, D) have unit length. ``groups`` int (P,) are their groups, and
    ``of_members`` int (M,) is the prototype of each member.
    """

    vectors: np.ndarray
    groups: np.ndarray
    of_members: np.ndarray


def make_prototypes(vectors_ND: np.ndarray, rows_M: np.ndarray, groups_M: np.ndarray) -> Prototypes:
    """Make the prototypes of groups of barcodes.

    ``vectors_ND`` float32 have unit length. Member m is barcode ``rows_M[m]`` of group
    ``groups_M[m]``; pairs are distinct, and groups are numbered without gaps.
    """
    groups = _numbers_of(groups_M)
    means = [_mean(vectors_ND[rows_M[members]]) for members in groups]
    several = [len(members) > 1 for members in groups]
    cohesion = np.linalg.norm(np.array(means), axis=1)
    least = np.quantile(cohesion[several], _DIVIDED) if any(several) else 0.0
    of_members = np.empty(len(rows_M), np.int64)
    made: list[np.ndarray] = []
    group_of: list[int] = []
    for group, (members, mean) in enumerate(zip(groups, means, strict=True)):
        parts = [np.arange(len(members))]
        if cohesion[group] < least:
            parts = divide(vectors_ND[rows_M[members]], least)
        for part in parts:
            of_members[members[part]] = len(made)
            made.append(mean if len(parts) == 1 else _mean(vectors_ND[rows_M[members[part]]]))
            group_of.append(group)
    return Prototypes(as_stored(normalise(np.array(made))), np.array(group_of), of_members)


def divide(
    vectors: np.ndarray, min_cohesion: float, max_parts: int = _MAX_PER_GROUP
) -> list[np.ndarray]:
    """Divide unit vectors (n, D) until each part has a cohesion of at least ``min_cohesion``.

    Returns the rows of each part, the largest part first; at most ``max_parts``.
    """
    parts = [np.arange(len(vectors))]
    while len(parts) < max_parts:
        cohesion = [np.linalg.norm(_mean(vectors[part])) for part in parts]
        loosest = int(np.argmin(cohesion))
        if cohesion[loosest] >= min_cohesion:
            break
        part = parts.pop(loosest)
        other = _two_means(vectors[part])
        if other.all() or not other.any():  # all are equal, except for rounding
            parts.append(part)
            break
        parts += [part[~other], part[other]]
    return sorted(parts, key=lambda part: (-len(part), part[0]))


def prototypes_without(
    vectors_ND: np.ndarray, rows_M: np.ndarray, of_members: np.ndarray, left_out: np.ndarray
) -> np.ndarray:
    """Return the prototype of each left-out member, computed without that member.

    ``left_out`` are numbers of members. Returns unit vectors, float32 (len(left_out), D); NaN if
    nothing is left.
    """
    rest = np.full((len(left_out), vectors_ND.shape[1]), np.nan, np.float32)
    for i, others in enumerate(mates(of_members, left_out)):
        if len(others):
            rest[i] = as_stored(normalise(_mean(vectors_ND[rows_M[others]])[None]))[0]
    return rest


def mates(of_members: np.ndarray, chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the other members of the prototype of each chosen member."""
    prototypes = _numbers_of(of_members)
    for member in chosen:
        together = prototypes[of_members[member]]
        yield together[together != member]


def quantise(vectors: np.ndarray) -> np.ndarray:
    """Return vectors as int8, each scaled so that its largest entry is 127.

    The scale does not change cosine similarities.

    >>> quantise(np.array([[0.6, -0.8]])).tolist()
    [[95, -127]]
    """
    largest = np.abs(vectors).max(1, keepdims=True)
    return np.round(vectors / np.where(largest > 0, largest, 1) * 127).astype(np.int8)


def dequantise(quantised: np.ndarray) -> np.ndarray:
    """Return the unit vectors, float32, of int8 vectors."""
    return normalise(quantised.astype(np.float32))


def as_stored(vectors: np.ndarray) -> np.ndarray:
    """Return unit vectors as they are after writing and reading them."""
    return dequantise(quantise(vectors))


def name_prototypes(names: Sequence[str]) -> list[str]:
    """Return unique ids: the name with underscores, and a number if a name is repeated.

    >>> name_prototypes(["Apis mellifera", "Apis", "Apis mellifera"])
    ['Apis_mellifera', 'Apis', 'Apis_mellifera.2']
    """
    used: dict[str, int] = {}
    ids = []
    for name in names:
        first = candidate = name.replace(" ", "_")
        while candidate in used:
            used[first] += 1
            candidate = f"{first}.{used[first]}"
        used[candidate] = 1
        ids.append(candidate)
    return ids


def _numbers_of(groups: np.ndarray) -> list[np.ndarray]:
    """Return the indices of 0, of 1, ... in an array that contains all of these numbers."""
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.searchsorted(groups[order], np.arange(1, groups.max() + 1)))


def _mean(vectors: np.ndarray) -> np.ndarray:
    """Return the mean (D,) in double precision. If vectors cancel out, return the first of them."""
    mean = vectors.mean(0, dtype=np.float64)
    return mean if mean.any() else vectors[0] * 1e-9


def _two_means(vectors: np.ndarray) -> np.ndarray:
    """Split unit vectors (n, D) by spherical 2-means; bool (n,), True in the second part.

    It starts from the vector least similar to the mean, and the vector least similar to that one.
    """
    vectors = vectors.astype(np.float64)
    second = vectors[np.argmin(vectors @ vectors.mean(0))]
    first = vectors[np.argmin(vectors @ second)]
    labels = spherical_k_means(
        vectors,
        (vectors @ second > vectors @ first).astype(np.int64),
        np.stack([first, second]).astype(np.float32),
        lambda sums, counts: normalise(sums / counts[:, None]),
        iterations=_ROUNDS,
        stop_at_empty=True,
    )
    return labels == 1
