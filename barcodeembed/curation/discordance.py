"""Names that disagree within a barcode or a BIN, and species that have several BINs.

In each such group the records without its most frequent name are findings, one finding for each
name. If names are equally frequent, the first in alphabetical order is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from barcodeembed.curation.findings import Finding, nearest_pair
from barcodeembed.index.bundle import ReferenceIndex

#: What a group has in common, and the names that it is divided by: numbers, or BINs.
Shared = TypeVar("Shared", int, str)
Name = TypeVar("Name", int, str)


def find_shared_barcodes(index: ReferenceIndex) -> Iterator[Finding]:
    """Yield records of a barcode that has another species in most of its records.

    The rank is the highest one at which the names differ; ``within`` is the first record of the
    barcode.
    """
    vectors: list[int | None] = list(index.record_vectors.tolist())
    first_records = index.first_records
    for vector, group in _discordant(vectors, _species(index)):
        first = index.record_ids[first_records[vector]]
        majority = _most_frequent(group)
        for species in sorted(group.keys() - {majority}):
            rank, own, other = _highest_difference(index, group[species][0], group[majority][0])
            yield _finding(
                index, "shared_barcode", rank, own, other, first, group, species, majority
            )


def find_bin_discordances(index: ReferenceIndex) -> Iterator[Finding]:
    """Yield records of a BIN that mostly has another species, and of a species' rarer BINs."""
    bins, species = index.sources.bins, _species(index)
    if not bins or "species" not in index.taxa.ranks:
        return
    kind = "bin_discordance"
    names = index.taxa.names[index.taxa.ranks.index("species")]
    for bin, group in _discordant(bins, species):
        majority = _most_frequent(group)
        for code in sorted(group.keys() - {majority}):
            own, other = names[code], names[majority]
            yield _finding(index, kind, "species", own, other, bin, group, code, majority)
    for code, of_species in _discordant(species, bins):
        main = _most_frequent(of_species)
        for bin in sorted(of_species.keys() - {main}):
            yield _finding(index, kind, "bin", bin, main, names[code], of_species, bin, main)


def _species(index: ReferenceIndex) -> list[int | None]:
    """Return the number of the species of each record, None where it has none."""
    if "species" not in index.taxa.ranks:
        return [None] * len(index.record_ids)
    codes = index.taxa.codes[index.record_lineages, index.taxa.ranks.index("species")]
    return [code if code >= 0 else None for code in codes.tolist()]


def _discordant(
    shared: Sequence[Shared | None], names: Sequence[Name | None]
) -> Iterator[tuple[Shared, dict[Name, list[int]]]]:
    """Yield groups with several names: what the records share, and their numbers by name."""
    groups: dict[Shared, dict[Name, list[int]]] = {}
    for record, (key, name) in enumerate(zip(shared, names, strict=True)):
        if key is not None and name is not None:
            groups.setdefault(key, {}).setdefault(name, []).append(record)
    for key, group in sorted(groups.items()):
        if len(group) > 1:
            yield key, group


def _most_frequent(group: Mapping[Name, list[int]]) -> Name:
    return min(group, key=lambda name: (-len(group[name]), name))


def _highest_difference(index: ReferenceIndex, one: int, other: int) -> tuple[str, str, str]:
    """Return the highest rank at which two records have different taxa, and the two names."""
    codes = index.taxa.codes[index.record_lineages[[one, other]]]
    rank = int(np.flatnonzero((codes[0] != codes[1]) & (codes >= 0).all(0))[0])
    names = index.taxa.names[rank]
    return index.taxa.ranks[rank], names[codes[0, rank]], names[codes[1, rank]]


def _finding(
    index: ReferenceIndex,
    kind: str,
    rank: str,
    own: str,
    other: str,
    within: str,
    group: Mapping[Name, list[int]],
    name: Name,
    majority: Name,
) -> Finding:
    """Return the finding of the records with one name, against those with the majority name."""
    records, others = group[name], group[majority]
    vectors = index.record_vectors
    return Finding(
        kind,
        tuple(index.record_ids[i] for i in records),
        rank,
        own,
        other,
        within,
        sum(map(len, group.values())),
        len(others),
        nearest_pair(index, vectors[records], vectors[others]),
        None,
    )
