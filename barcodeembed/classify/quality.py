"""Recognise queries that are not of the marker, and flag those that are not intact.

A sequence of something else has no position in the marker: its 5-mers vote for no position more
often than by chance. It is recognised before a name is decided on, and gets none. Confidence and
novelty are learned from barcodes of the marker; for anything else they mean nothing, and most such
sequences would be called new taxa.

The other flags never change a name. A protein-coding marker has no internal stop codon and no
frameshift. Nuclear copies of mitochondrial genes (NUMTs) and sequences with errors often have them.
`barcodeembed.classify.chimeras` finds sequences of two organisms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.classify.genetic_codes import AUTO, code_of
from barcodeembed.scoring.identity import overlap
from barcodeembed.sequences.anchor import MIN_SUPPORT, Anchor
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.frames import GENETIC_CODE, is_coding, sample_rows, stops_by_frame
from barcodeembed.vocabulary import CONTAMINANT

STOP_CODON, FRAMESHIFT, PSEUDOGENE = "stop_codon", "frameshift", "pseudogene"
NON_TARGET, CHIMERA = "non_target", "chimera"

#: All flags of what a query is. NON_TARGET prevents a name, and CONTAMINANT prevents it unless the
#: best name is that of the contaminant.
FLAGS = (STOP_CODON, FRAMESHIFT, PSEUDOGENE, NON_TARGET, CHIMERA, CONTAMINANT)

#: Percent identity from which the gaps of an alignment are reliable.
_RELIABLE = 75.0

#: Gaps within this many bases of each other count as one, because an alignment with unit costs can
#: split a gap of three into one and two.
_MERGE_WITHIN = 20
#: Gaps within this many bases of an end do not count, because such an alignment can end with gaps
#: instead of mismatches.
_END = 20

#: From this percent identity or, if nothing is aligned, cosine similarity or fraction of shared
#: k-mers, a sequence without a position is still of the marker: references can extend beyond the
#: part of the marker that has positions. The similarity depends on the model.
_MIN_IDENTITY = 75.0
_MIN_SIMILARITY = 0.75
_MIN_SHARED = 0.2

#: Without an anchor, a sequence is not of the marker below this percent identity.
_MIN_IDENTITY_ALONE = 65.0

#: The positions of a model are used if this fraction of a sample of references has one.
_MIN_LOCATED = 0.9


@dataclass(frozen=True, slots=True)
class Quality:
    """How to check queries.

    ``genetic_code`` is NCBI's number of a genetic code, `AUTO`, or None for a marker that is not
    protein-coding. ``anchor`` is the one of the model, or None.
    """

    genetic_code: int | str | None
    anchor: Anchor | None

    def is_non_target(
        self, bases: str, similarity: float, identity: float | None = None, shared: float = 0.0
    ) -> bool:
        """Return whether a query is not of the marker, so that it must not be named.

        ``bases`` must be in the orientation of the references. ``similarity`` is the cosine
        similarity to the nearest reference, ``identity`` the percent identity, if it was aligned,
        and ``shared`` the fraction of the query's k-mers that a reference has, if this is known.
        The position in the marker decides, unless the nearest reference is close. A model
        without an anchor has no positions, and then the identity decides. Codons do not count, so
        the result is the same for every genetic code.
        """
        if self.anchor is None:
            return identity is not None and identity < _MIN_IDENTITY_ALONE
        if identity is None:
            close = similarity >= _MIN_SIMILARITY or shared >= _MIN_SHARED
        else:
            close = identity >= _MIN_IDENTITY
        return not close and support(self.anchor, bases) < MIN_SUPPORT

    def judge(
        self,
        bases: str,
        names: Sequence[str | None],
        reference: str | None = None,
        identity: float | None = None,
        *,
        chimera: bool = False,
        contaminant: bool = False,
    ) -> tuple[str, ...]:
        """Return the flags of a named query, in the order of FLAGS. None of them changes the name.

        ``bases`` must be in the orientation of the references. ``names`` are the query's taxa,
        highest rank first. ``reference`` has the bases of the nearest reference, and ``identity``
        is its percent identity; without them gaps are not checked. ``chimera`` is the result of
        `find_chimeras`, and ``contaminant`` whether `find_decoys` has recognised the query.
        """
        codons = self._codons(bases, names, reference, identity)
        checks = (*codons, (CHIMERA, chimera), (CONTAMINANT, contaminant))
        return tuple(flag for flag, raised in checks if raised)

    def _codons(
        self,
        bases: str,
        names: Sequence[str | None],
        reference: str | None,
        identity: float | None,
    ) -> tuple[tuple[str, bool], ...]:
        """Return the flags that depend on codons, each with whether it is raised."""
        if self.genetic_code is None:
            return ()
        code = code_of(names) if self.genetic_code == AUTO else int(self.genetic_code)
        stops = min(stops_by_frame(bases, code))
        shifts = nonsense = 0
        if reference is not None and identity is not None and identity >= _RELIABLE:
            row, reference_row = overlap(bases, reference)
            shifts = count_shifts(row, reference_row)
            # If only the reference has stop codons, the error is in the reference.
            if shifts and not stops and min(stops_by_frame(reference, code)):
                shifts = 0
            nonsense = count_nonsense(row, reference_row, code) if stops or shifts else 0
        return (
            (STOP_CODON, stops > 0),
            (FRAMESHIFT, shifts > 0),
            (PSEUDOGENE, nonsense + (shifts > 0) >= 2),
        )


def support(anchor: Anchor, bases: str) -> float:
    """Return the votes for the position of one sequence (`Anchor.support`)."""
    codes = encode_bases(bases)
    return float(anchor.support(codes[None], np.array([len(codes)]))[0])


def anchor_for(anchor: Anchor | None, references: Sequence[str] | None) -> Anchor | None:
    """Return the anchor, or None if the references are of another marker than the anchor."""
    if anchor is None or references is None:
        return anchor
    rows = sample_rows(len(references))
    located = sum(support(anchor, references[row]) >= MIN_SUPPORT for row in rows)
    return anchor if located >= _MIN_LOCATED * len(rows) else None


def code_for(
    code: int | str | None, references: Sequence[str] | None, non_coding: bool | None = None
) -> int | str | None:
    """Return the given genetic code, or None if the references are not protein-coding.

    ``references`` is None for prototypes, for which ``non_coding`` says what their barcodes are.
    """
    if code is None or non_coding:
        return None
    if references is None:
        return code
    return code if is_coding(references, GENETIC_CODE if code == AUTO else int(code)) else None


def count_shifts(row: str, reference_row: str) -> int:
    """Count the frameshifts of a query against its reference, from the rows of their alignment.

    Gaps near each other count as one, of their total length. A length of whole codons is not a
    frameshift.

    >>> middle = "ACGTTGCAAT" * 5
    >>> count_shifts(middle + "A" + middle, middle + "-" + middle)
    1
    """
    return sum(
        bases % 3 != 0 and first >= _END and last <= len(row) - _END
        for first, last, bases in _gaps(row, reference_row)
    )


def count_nonsense(row: str, reference_row: str, genetic_code: int = GENETIC_CODE) -> int:
    """Count the stop codons of a query in the frame of its reference, without its frameshifts."""
    reference = stops_by_frame(reference_row.replace("-", ""), genetic_code)
    query = stops_by_frame(restore_frame(row, reference_row), genetic_code)
    fewest = min(reference)
    return min(stops for stops, its in zip(query, reference, strict=True) if its == fewest)


def restore_frame(row: str, reference_row: str) -> str:
    """Return the query in its reference's frame: without inserted bases, with N for deleted ones.

    Nearby gaps that compensate for each other are left, because they stand for substitutions.

    >>> restore_frame("AC-TTGCA", "ACGTTG-A"), restore_frame("AC-TT", "ACGTT")
    ('ACTTGCA', 'ACNTT')
    """
    restored, at = [], 0
    for first, last, bases in _gaps(row, reference_row):
        inside = row[first:last].replace("-", "")
        length = last - first - reference_row.count("-", first, last)
        restored += [row[at:first], "N" * length if bases else inside]
        at = last
    return "".join(restored) + row[at:]


def _gaps(row: str, reference_row: str) -> list[tuple[int, int, int]]:
    """Return groups of gaps: first column, end, and number of bases more than the reference."""
    gaps = sorted(
        [(m.start(), m.end(), m.end() - m.start()) for m in re.finditer("-+", reference_row)]
        + [(m.start(), m.end(), m.start() - m.end()) for m in re.finditer("-+", row)]
    )
    groups: list[tuple[int, int, int]] = []
    for first, last, bases in gaps:
        if groups and first - groups[-1][1] <= _MERGE_WITHIN:
            begin, _, before = groups.pop()
            groups.append((begin, last, before + bases))
        else:
            groups.append((first, last, bases))
    return groups
