"""The result of classifying one query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Hit(NamedTuple):
    """One of the closest references of a query.

    ``row`` is the number of its vector in the index and ``similarity`` the cosine. ``identity``, in
    percent, and ``overlap``, in columns of the alignment, are None if it was not aligned.
    """

    row: int
    similarity: float
    identity: float | None = None
    overlap: int | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """The result of classifying one query.

    `Classifier.classify` returns assignments, one per query:

    >>> import barcodeembed as be
    >>> classifier = be.Classifier.load()
    >>> (assignment,) = classifier.classify("ACGT")
    >>> assignment.status, assignment.flags, assignment.names
    ('unclassifiable', ('short',), ())

    Attributes:
        query_id: Id of the query, or ``sequence_1`` and so on if it has none.
        status: ``assigned`` (named at the lowest rank), ``ambiguous``, ``novel`` (new to the
            reference at ``novel_rank``) or ``unclassifiable`` (the reason is in ``flags``).
        length: Bases of the query, without gaps.
        flags: What is unusual about the query. They do not change a name; if one prevents it, the
            status is ``unclassifiable``.
        strand: ``+``, or ``-`` if the query was reverse-complemented. None if unclassifiable.
        novel_rank: Highest rank at which the query is new to the reference, or None.
        rank: Lowest rank with an accepted name, or None.
        taxon: The name at ``rank``, or None.
        confidence: Probability that ``taxon`` is correct, from 0 to 1, or None.
        names: The name at each rank of the reference, highest rank first; None below the
            confidence threshold. Empty if unclassifiable.
        best_names: The name with most votes at each rank, accepted or not.
        confidences: Probability that each of them is correct.
        nearest_id: Id of the reference that counts most.
        similarity: Cosine similarity to that reference.
        identity: Percent identity to that reference; None if the index has no sequences.
        overlap: Columns of the alignment that ``identity`` refers to.
        hits: The closest references, in the order in which they count.
        in_reference: Probability, at each rank, that the query's taxon is in the reference.
        tied_taxa: The names at the lowest rank that the best hits carry, if they carry several,
            those with most references first. Empty if there is no tie.
        start: First base of the part of the query that is of the marker, counted from 1 on the
            query as given, without gaps. Only this part is named. None if unclassifiable.
        end: Last base of this part.
        nearest_taxon: The lowest name of the closest reference; not the name of the query.
        nearest_bin: The BIN of the closest reference, or None.
        marker: The marker of the query, if it was recognised among those that ship; None if it was
            not, or if an index was given.
        bases: This part, cleaned and in the orientation of the references. A run of 5 or more N
            has the length of the bases that are missing in the marker.
        vector: float32 (D,), of unit length: the vector that the index was searched with.
    """

    query_id: str
    status: str
    length: int
    flags: tuple[str, ...]
    strand: str | None = None
    novel_rank: str | None = None
    rank: str | None = None
    taxon: str | None = None
    confidence: float | None = None
    names: tuple[str | None, ...] = ()
    best_names: tuple[str | None, ...] = ()
    confidences: tuple[float | None, ...] = ()
    nearest_id: str | None = None
    similarity: float | None = None
    identity: float | None = None
    overlap: int | None = None
    hits: tuple[Hit, ...] = ()
    in_reference: tuple[float, ...] = ()
    tied_taxa: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None
    nearest_taxon: str | None = None
    nearest_bin: str | None = None
    marker: str | None = None
    bases: str | None = field(default=None, compare=False, repr=False)
    vector: np.ndarray | None = field(default=None, compare=False, repr=False)
