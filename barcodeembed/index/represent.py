"""What an index contains for its references: their barcodes, or prototypes of taxa.

Shapes: n references, N distinct barcodes, P prototypes, S sampled barcodes, D dimensions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.bundles.scratch import Scratch
from barcodeembed.calibration.sample import Sample
from barcodeembed.index.collect import Reference
from barcodeembed.scoring.vote import Members
from barcodeembed.sequences.shared_kmers import SharedKmers, sampled_hashes
from barcodeembed.taxonomy.ranks import Lineage, lowest
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.prototypes import (
    make_prototypes,
    mates,
    name_prototypes,
    prototypes_without,
)


@dataclass(frozen=True, slots=True)
class Barcodes:
    """The distinct barcodes of references.

    ``bases`` are the N barcodes and ``vectors``, float32 (N, D), their unit vectors. Reference i
    has barcode ``vectors_of[i]`` and lineage ``lineages_of[i]`` of ``taxa``. ``members`` are the
    lineages of each barcode.
    """

    bases: Sequence[str]
    vectors: np.ndarray
    vectors_of: np.ndarray
    lineages_of: np.ndarray
    taxa: Taxa
    members: Members

    @classmethod
    def of(
        cls,
        references: Sequence[Reference],
        bases: Sequence[str],
        vectors: np.ndarray,
        vectors_of: np.ndarray,
    ) -> Barcodes:
        """Number the lineages of references."""
        distinct = sorted({r.lineage for r in references}, key=_sortable)
        number = {lineage: i for i, lineage in enumerate(distinct)}
        lineages_of = np.array([number[r.lineage] for r in references], np.int64)
        members = Members.of(vectors_of, lineages_of, len(bases))
        return cls(bases, vectors, vectors_of, lineages_of, Taxa.of(distinct), members)


@dataclass(frozen=True, slots=True)
class Representation:
    """The content of an index, as the first fields of `ReferenceIndex`, and a sample of it.

    ``members`` are the lineages of its vectors. ``sample`` are the barcodes that the index is
    calibrated on: those in the ``rows``, int64 (S,), of all N.
    """

    vectors: np.ndarray
    sequences: Sequence[str] | None
    kmers: SharedKmers
    ids: list[str]
    vectors_of: np.ndarray
    lineages_of: np.ndarray
    members: Members
    sample: Sample
    rows: np.ndarray


def represent(
    references: Sequence[Reference],
    barcodes: Barcodes,
    rows: np.ndarray,
    prototypes: str | None,
    scratch: Scratch,
) -> Representation:
    """Return the barcodes themselves, or their prototypes (``species`` or ``bin``)."""
    mixed = _mixed_bins(references, barcodes)[rows]
    if prototypes is None:
        return Representation(
            barcodes.vectors,
            barcodes.bases,
            SharedKmers.of(barcodes.bases, scratch),
            [r.id for r in references],
            barcodes.vectors_of,
            barcodes.lineages_of,
            barcodes.members,
            Sample.of_barcodes(barcodes.vectors, barcodes.members, rows, mixed),
            rows,
        )
    bins = _bins_of(references, barcodes) if prototypes == "bin" else {}
    return as_prototypes(barcodes, rows, bins, mixed, scratch)


def as_prototypes(
    barcodes: Barcodes,
    rows: np.ndarray,
    bins: Mapping[tuple[int, int], str],
    mixed: np.ndarray,
    scratch: Scratch,
) -> Representation:
    """Make prototypes of the barcodes of each lineage, or of each lineage and BIN.

    ``bins`` are the BINs of (barcode, lineage), ``rows`` the barcodes of the sample, and ``mixed``
    (S, R) is an attribute of the sample.
    """
    vectors, members, taxa = barcodes.vectors, barcodes.members, barcodes.taxa
    barcodes_M = np.repeat(np.arange(len(vectors)), np.diff(members.starts))
    pairs = list(zip(barcodes_M.tolist(), members.lineages.tolist(), strict=True))
    keys = [(lineage, bins.get((barcode, lineage), "")) for barcode, lineage in pairs]
    distinct = sorted(set(keys))
    number = {key: i for i, key in enumerate(distinct)}
    made = make_prototypes(vectors, barcodes_M, np.array([number[key] for key in keys]))
    lineages_of = np.array([distinct[group][0] for group in made.groups], np.int64)
    ids = name_prototypes([_lowest_name(taxa.lineages[lineage]) for lineage in lineages_of])
    # A sampled barcode has one lineage, so it is a member of one prototype.
    sampled = members.starts[rows]
    sample = Sample(
        vectors[rows],
        members.lineages[sampled],
        made.of_members[sampled],
        prototypes_without(vectors, barcodes_M, made.of_members, sampled),
        [
            sampled_hashes([barcodes.bases[barcodes_M[m]] for m in others])
            for others in mates(made.of_members, sampled)
        ],
        mixed,
    )
    each = np.arange(len(ids))
    return Representation(
        made.vectors,
        None,
        SharedKmers.of_groups(barcodes.bases, barcodes_M, made.of_members, len(ids), scratch),
        ids,
        each,
        lineages_of,
        Members.of(each, lineages_of, len(ids)),
        sample,
        rows,
    )


def _mixed_bins(references: Sequence[Reference], barcodes: Barcodes) -> np.ndarray:
    """Return whether the BIN of a barcode has several taxa at a rank, bool (N, R).

    The marker cannot tell these taxa apart. One that was new could not be recognised as new, by any
    method, and must not count as an error of the calibration.
    """
    taxa = barcodes.taxa
    mixed_NR = np.zeros((len(barcodes.bases), len(taxa.ranks)), bool)
    known = np.array([i for i, r in enumerate(references) if r.bin], np.int64)
    if not len(known):
        return mixed_NR
    number: dict[str | None, int] = {}
    bins = np.array([number.setdefault(references[i].bin, len(number)) for i in known.tolist()])
    for r in range(len(taxa.ranks)):
        codes = taxa.codes[barcodes.lineages_of[known], r].astype(np.int64)
        pairs = np.unique((bins * len(taxa.names[r]) + codes)[codes >= 0])
        several = np.bincount(pairs // len(taxa.names[r]), minlength=len(number)) > 1
        mixed_NR[barcodes.vectors_of[known[several[bins]]], r] = True
    return mixed_NR


def _bins_of(references: Sequence[Reference], barcodes: Barcodes) -> dict[tuple[int, int], str]:
    """Return the BIN of each (barcode, lineage) that has one; of several, the most frequent."""
    counts: dict[tuple[int, int], Counter[str]] = {}
    pairs = zip(barcodes.vectors_of.tolist(), barcodes.lineages_of.tolist(), strict=True)
    for r, pair in zip(references, pairs, strict=True):
        if r.bin:
            counts.setdefault(pair, Counter())[r.bin] += 1
    return {pair: min(found, key=lambda b: (-found[b], b)) for pair, found in counts.items()}


def _lowest_name(lineage: Lineage) -> str:
    found = lowest(lineage)
    assert found is not None  # every reference has a name
    return found[1]


def _sortable(lineage: Lineage) -> tuple[str, ...]:
    return tuple(name or "" for name in lineage)
