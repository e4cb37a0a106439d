"""What is wrong with a query as a piece of the marker: flags that never change its name.

A marker that codes for a protein has no stop codon inside and keeps its frame; nuclear copies of
mitochondrial genes (NUMTs) and misread bases do not. What is nothing like the marker is told by
its place in it and by the nearest reference. `barcodeembed.classify.chimeras` looks for reads of
two organisms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.classify.genetic_codes import AUTO, code_of
from barcodeembed.scoring.identity import overlap
from barcodeembed.sequences.anchor import Anchor
from barcodeembed.sequences.bases import encode_bases
from barcodeembed.sequences.frames import GENETIC_CODE, stops_by_frame

STOP_CODON, FRAMESHIFT, PSEUDOGENE = "stop_codon", "frameshift", "pseudogene"
NON_TARGET, CHIMERA = "non_target", "chimera"

#: Every flag that is raised after a query was named.
FLAGS = (STOP_CODON, FRAMESHIFT, PSEUDOGENE, NON_TARGET, CHIMERA)

#: Percent identity from which an alignment's gaps are believed.
_BELIEVED = 75.0

#: Gaps so near to each other, in bases, count as one; so near to an end they do not count. Unit
#: costs put a gap of three as one and two, and end an alignment with gaps rather than mismatches.
_TOGETHER = 20
_END = 20

#: Percent identity and support of a place (`Anchor.support`) below which nothing is the marker.
_MIN_IDENTITY = 65.0
_MIN_SUPPORT = 8.0

#: A marker codes where so many of a sample of references have no stop codon.
_SAMPLE = 500
_CODES = 0.9


@dataclass(frozen=True, slots=True)
class Quality:
    """What queries are judged by.

    ``genetic_code`` is the number of a table of NCBI's, `AUTO`, or None where codons say nothing;
    ``anchor`` the model's, or None.
    """

    genetic_code: int | str | None
    anchor: Anchor | None

    def judge(
        self,
        bases: str,
        names: Sequence[str | None],
        reference: str | None = None,
        identity: float | None = None,
        *,
        chimera: bool = False,
    ) -> tuple[str, ...]:
        """Return the flags of a query, turned to the reference's strand, in the order of FLAGS.

        ``names`` follow the ranks, highest first. Without the bases of the nearest ``reference``
        and their percent ``identity``, gaps are not judged. `find_chimeras` tells ``chimera``.
        """
        if self._is_non_target(bases, identity):
            return (NON_TARGET,)
        raised = *self._codons(bases, names, reference, identity), (CHIMERA, chimera)
        return tuple(flag for flag, is_so in raised if is_so)

    def _codons(
        self,
        bases: str,
        names: Sequence[str | None],
        reference: str | None,
        identity: float | None,
    ) -> tuple[tuple[str, bool], ...]:
        """Tell which of the flags are raised that reading codons may raise."""
        if self.genetic_code is None:
            return ()
        code = code_of(names) if self.genetic_code == AUTO else int(self.genetic_code)
        stops = min(stops_by_frame(bases, code))
        shifts = nonsense = 0
        if reference is not None and identity is not None and identity >= _BELIEVED:
            row, reference_row = overlap(bases, reference)
            shifts = count_shifts(row, reference_row)
            # Where the query reads open and the reference does not, the reference is at fault.
            if shifts and not stops and min(stops_by_frame(reference, code)):
                shifts = 0
            nonsense = count_nonsense(row, reference_row, code) if stops or shifts else 0
        return (
            (STOP_CODON, stops > 0),
            (FRAMESHIFT, shifts > 0),
            (PSEUDOGENE, nonsense + (shifts > 0) >= 2),
        )

    def _is_non_target(self, bases: str, identity: float | None) -> bool:
        """Tell whether all that can be asked says so: the nearest reference, and the place."""
        if identity is not None and identity >= _MIN_IDENTITY:
            return False
        if self.anchor is None:
            return identity is not None
        codes = encode_bases(bases)
        return float(self.anchor.support(codes[None], np.array([len(codes)]))[0]) < _MIN_SUPPORT


def code_for(asked: int | str | None, references: Sequence[str] | None) -> int | str | None:
    """Return the genetic code as asked, or None where the references do not code for a protein."""
    if asked is None or references is None:
        return asked
    rows = np.unique(np.linspace(0, len(references) - 1, _SAMPLE).astype(int))
    code = GENETIC_CODE if asked == AUTO else int(asked)
    open_ones = sum(not min(stops_by_frame(references[int(row)], code)) for row in rows)
    return asked if open_ones >= _CODES * len(rows) else None


def count_shifts(row: str, reference_row: str) -> int:
    """Return how often a query leaves its reference's frame, from the rows of their alignment.

    Neighbouring gaps count by their sum, as one; a sum of whole codons is none.

    >>> middle = "ACGTTGCAAT" * 5
    >>> count_shifts(middle + "A" + middle, middle + "-" + middle)
    1
    """
    return sum(
        bases % 3 != 0 and first >= _END and last <= len(row) - _END
        for first, last, bases in _gaps(row, reference_row)
    )


def count_nonsense(row: str, reference_row: str, genetic_code: int = GENETIC_CODE) -> int:
    """Return the stop codons that a query has in its reference's frame, shifts mended."""
    reference = stops_by_frame(reference_row.replace("-", ""), genetic_code)
    query = stops_by_frame(restore_frame(row, reference_row), genetic_code)
    fewest = min(reference)
    return min(stops for stops, its in zip(query, reference, strict=True) if its == fewest)


def restore_frame(row: str, reference_row: str) -> str:
    """Return the query in its reference's frame: no base more, and N for every base less.

    Gaps that make up for each other nearby are an alignment's way of writing substitutions.

    >>> restore_frame("AC-TTGCA", "ACGTTG-A"), restore_frame("AC-TT", "ACGTT")
    ('ACTTGCA', 'ACNTT')
    """
    mended, at = [], 0
    for first, last, bases in _gaps(row, reference_row):
        inside = row[first:last].replace("-", "")
        length = last - first - reference_row.count("-", first, last)
        mended += [row[at:first], "N" * length if bases else inside]
        at = last
    return "".join(mended) + row[at:]


def _gaps(row: str, reference_row: str) -> list[tuple[int, int, int]]:
    """Return first column, end and sum of bases (more than the reference) of groups of gaps."""
    gaps = sorted(
        [(m.start(), m.end(), m.end() - m.start()) for m in re.finditer("-+", reference_row)]
        + [(m.start(), m.end(), m.start() - m.end()) for m in re.finditer("-+", row)]
    )
    groups: list[tuple[int, int, int]] = []
    for first, last, bases in gaps:
        if groups and first - groups[-1][1] <= _TOGETHER:
            begin, _, before = groups.pop()
            groups.append((begin, last, before + bases))
        else:
            groups.append((first, last, bases))
    return groups
