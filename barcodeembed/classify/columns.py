"""Columns of ``classify`` that only some runs have, each a name and a function of an answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from barcodeembed.classify.counts import Counts, write_counts
from barcodeembed.classify.samples import Answer
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.taxonomy.identifiers import TaxonIds
from barcodeembed.vocabulary import COUNTS, MARKER, SAMPLE, SEQUENCE_MD5, TAXON_ID

#: Flag of sequences that occur in a negative control.
IN_CONTROL = "in_control"


class Column(NamedTuple):
    """A column: its name, and the function that returns its cell, None if missing."""

    name: str
    cell: Callable[[Answer], str | None]


def more_columns(
    index: ReferenceIndex,
    *,
    samples: bool = False,
    counts: Counts | None = None,
    marker: bool = False,
    ids: TaxonIds | None = None,
) -> list[Column]:
    """Return the columns that follow those of every run, in order.

    With ``ids``, the id of a taxon is that of the name of the query, and not of the closest
    reference.
    """
    columns = []
    if ids is not None:
        columns.append(Column(TAXON_ID, lambda answer: ids.of(answer.assignment.taxon)))
    elif taxon_ids := _taxon_ids(index):
        columns.append(Column(TAXON_ID, lambda answer: _of_nearest(answer, taxon_ids)))
    if samples:
        columns += [Column(SAMPLE, lambda answer: answer.sample), Column(SEQUENCE_MD5, md5_of)]
    if counts is not None:
        columns.append(Column(COUNTS, lambda answer: write_counts(counts.of(answer.record))))
    if marker:
        columns.append(Column(MARKER, lambda answer: answer.assignment.marker))
    return columns


def md5_of(answer: Answer) -> str:
    """Return the MD5 of the bases that were named, or of the read if it is unclassifiable.

    It does not depend on the orientation of the read, nor on what was cut off.
    """
    bases = answer.assignment.bases or answer.record.sequence.upper()
    return hashlib.md5(bases.encode(), usedforsecurity=False).hexdigest()


def _taxon_ids(index: ReferenceIndex) -> list[str | None]:
    """Return the id of the taxon of each vector, by its first record; empty without ids."""
    ids = index.sources.taxon_ids
    return [ids[record] for record in index.first_records] if ids else []


def _of_nearest(answer: Answer, values: list[str | None]) -> str | None:
    hits = answer.assignment.hits
    return values[hits[0].row] if hits else None


class Controls:
    """Finds the sequences that occur in the negative controls of a run.

    ``names`` are the samples that are controls. With ``counts``, a sequence occurs in a control if
    it has reads there. Otherwise it is compared with the sequences of the controls.
    """

    def __init__(self, names: Collection[str], counts: Counts | None = None) -> None:
        self.names, self.counts = frozenset(names), counts
        self._found: set[str] = set()

    def unknown(self, samples: Iterable[str]) -> list[str]:
        """Return the controls that are not among the samples of the run."""
        return sorted(self.names - set(samples))

    def add(self, answer: Answer) -> str:
        """Note the sequence of an answer, and return its key."""
        if self.counts is not None:
            present = not self.names.isdisjoint(self.counts.of(answer.record))
        else:
            present = answer.sample in self.names
        key = md5_of(answer)
        if present:
            self._found.add(key)
        return key

    def __contains__(self, key: object) -> bool:
        return key in self._found
