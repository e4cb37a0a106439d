"""Names that disagree within one barcode, within one BIN, or a species over several BINs.

In each such group the records that do not have its most frequent name are a finding, one for each
name; of equally frequent ones the first in the alphabet stands.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from barcodeembed.curation.findings import Finding, nearest_of
from barcodeembed.index.bundle import ReferenceIndex

_Group = dict[Hashable, list[int]]


def find_shared_barcodes(index: ReferenceIndex) -> Iterator[Finding]:
    """Yield the records of a barcode that most of its records say is of another species.

    The rank is the highest at which the names differ, and ``within`` the barcode's first record.
    """
    for vector, group in _disagreeing(index.record_vectors.tolist(), _species(index)):
        first = index.record_ids[index.first_records[vector]]
        most = _most(group)
        for name in sorted(group.keys() - {most}):
            rank, own, other = _highest_difference(index, group[name][0], group[most][0])
            yield _finding(index, "shared_barcode", rank, own, other, first, group, name)


def find_bin_discordances(index: ReferenceIndex) -> Iterator[Finding]:
    """Yield the records of a BIN that is mostly of another species, and a species' lesser BINs."""
    bins, species = index.sources.bins, _species(index)
    if not bins or "species" not in index.taxa.ranks:
        return
    names = index.taxa.names[index.taxa.ranks.index("species")]
    for bin, group in _disagreeing(bins, species):
        most = _most(group)
        for code in sorted(group.keys() - {most}):
            yield _finding(
                index, "bin_discordance", "species", names[code], names[most], bin, group, code
            )
    for code, group in _disagreeing(species, bins):
        most = _most(group)
        for bin in sorted(group.keys() - {most}):
            yield _finding(index, "bin_discordance", "bin", bin, most, names[code], group, bin)


def _species(index: ReferenceIndex) -> list[int | None]:
    """Return the number of each record's species, None where it has none."""
    if "species" not in index.taxa.ranks:
        return [None] * len(index.record_ids)
    codes = index.taxa.codes[index.record_lineages, index.taxa.ranks.index("species")]
    return [code if code >= 0 else None for code in codes.tolist()]


def _disagreeing(
    shared: Sequence[Hashable | None], names: Sequence[Hashable | None]
) -> Iterator[tuple[Hashable, _Group]]:
    """Yield what records share, with the records by name, where they have several names."""
    groups: dict[Hashable, _Group] = {}
    for record, (what, name) in enumerate(zip(shared, names, strict=True)):
        if what is not None and name is not None:
            groups.setdefault(what, {}).setdefault(name, []).append(record)
    for what, group in sorted(groups.items()):
        if len(group) > 1:
            yield what, group


def _most(group: _Group) -> Hashable:
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
    group: _Group,
    name: Hashable,
) -> Finding:
    """Make the finding of the records of one name, against those of the most frequent."""
    mine, theirs = group[name], group[_most(group)]
    vectors = index.record_vectors
    return Finding(
        kind,
        tuple(index.record_ids[i] for i in mine),
        rank,
        own,
        other,
        within,
        sum(map(len, group.values())),
        len(theirs),
        nearest_of(index, vectors[mine], vectors[theirs]),
        None,
    )
