"""Queries to assignments: clean, orient, embed, search, vote, decide; one result per record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import NamedTuple

import numpy as np

from barcodeembed.classify.chimeras import find_chimeras
from barcodeembed.classify.quality import Quality, code_for
from barcodeembed.embedding.vector_maker import NO_VECTOR, VectorMaker
from barcodeembed.errors import IndexMismatch
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.scoring.decision import decide
from barcodeembed.scoring.features import Neighbours, weigh
from barcodeembed.scoring.identity import Identities, identities
from barcodeembed.sequences.cleaning import CleanSequence, clean, reverse_complement
from barcodeembed.sequences.frames import GENETIC_CODE
from barcodeembed.sequences.orientation import strand
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.vectors.search import nearest
from barcodeembed.vocabulary import MIN_CONFIDENCE, MIN_CONFIDENCE_UNALIGNED, NEIGHBOURS


class Hit(NamedTuple):
    """A neighbour: the row of its vector in the reference, its similarity to the query, and where
    the two were aligned their percent identity and the columns of the overlap that it is of."""

    row: int
    similarity: float
    identity: float | None = None
    overlap: int | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is known of one query.

    ``names`` and ``confidences`` follow the ranks of the reference (None where unknown);
    ``rank`` and ``taxon`` say where the query is placed, ``novel_rank`` where it is new.
    ``in_reference`` are the probabilities that the query's taxon at each rank is in the reference.
    ``identity``, in percent, and ``overlap``, in columns of the alignment, are to the nearest
    reference; ``hits`` stand in the order in which they count. ``bases`` and ``vector``, float32
    (D,), are what was searched with, on the reference's strand.
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
    confidences: tuple[float | None, ...] = ()
    nearest_id: str | None = None
    similarity: float | None = None
    identity: float | None = None
    overlap: int | None = None
    hits: tuple[Hit, ...] = ()
    in_reference: tuple[float, ...] = ()
    bases: str | None = field(default=None, compare=False, repr=False)
    vector: np.ndarray | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Query:
    record: SequenceRecord
    barcode: CleanSequence
    bases: str
    strand: str


def confidence_thresholds(
    index: ReferenceIndex, min_confidence: float | None = None, max_error: float | None = None
) -> np.ndarray:
    """Return from which confidence on each rank is named, (R,): as told, or the index's usual.

    With ``max_error`` it is what the index says to be enough for so small a share of wrong names.
    """
    if max_error is not None:
        return index.calibration.confidence_threshold(max_error)
    if min_confidence is None:
        unaligned = index.sequences is None
        min_confidence = MIN_CONFIDENCE_UNALIGNED if unaligned else MIN_CONFIDENCE
    return np.full(len(index.taxa.ranks), min_confidence)


class Classifier:
    """An index and the embedder that made it, ready for queries.

    ``neighbours`` vote, with the index's own ``temperature`` unless another is given. The index
    says too what their percent identity counts beside their similarity. A rank is named whose
    confidence reaches that of `confidence_thresholds`. ``genetic_code`` is as in `Quality`; with
    ``check_chimeras`` the halves of each query are looked up too. Raises IndexMismatch where the
    embedder is another one.
    """

    def __init__(
        self,
        index: ReferenceIndex,
        embedder: VectorMaker,
        *,
        neighbours: int = NEIGHBOURS,
        temperature: float | None = None,
        min_confidence: float | None = None,
        max_error: float | None = None,
        genetic_code: int | str | None = GENETIC_CODE,
        check_chimeras: bool = False,
    ) -> None:
        if embedder.fingerprint != index.embedder_fingerprint:
            raise IndexMismatch(
                f"the index was made with model {index.embedder_fingerprint}, "
                f"not with {embedder.fingerprint}; give the model that made it, or build it again"
            )
        self.index, self.embedder = index, embedder
        self.neighbours = neighbours
        self.temperature = temperature or index.settings["temperature"]
        # Indexes that were built before identity counted have no weight for it.
        self.identity_weight = index.settings.get("identity_weight", 0.0)
        self.confidence_threshold = confidence_thresholds(index, min_confidence, max_error)
        self.members = index.members
        self._first_records = index.first_records
        self.quality = Quality(
            code_for(genetic_code, index.sequences), getattr(embedder, "anchor", None)
        )
        self.check_chimeras = check_chimeras

    def classify(
        self, records: Iterable[SequenceRecord], *, batch_size: int = 2_048
    ) -> Iterator[Assignment]:
        """Yield one assignment per record, in order; ``batch_size`` records are in flight."""
        records = iter(records)
        while batch := list(islice(records, batch_size)):
            yield from self._classify(batch)

    def reference_id(self, row: int) -> str:
        """Return the id of the first record of a reference vector."""
        return self.index.record_ids[self._first_records[row]]

    def vectors(self, sequences: list[str]) -> np.ndarray:
        """Return the unit vectors, float32 (n, D), that the index is searched with."""
        return self.index.as_searched(self.embedder.encode(sequences))

    def _identities(self, queries: list[_Query], rows: np.ndarray) -> Identities | None:
        """Align queries to their neighbours, or to the nearest alone where identity does not count.

        Returns identities, (Q, K) or (Q, 1); None where the index keeps no sequences.
        """
        if self.index.sequences is None:
            return None
        aligned = rows if self.identity_weight else rows[:, :1]
        return identities([query.bases for query in queries], self.index.sequences, aligned)

    def _chimeras(self, queries: list[_Query], similarities: np.ndarray) -> np.ndarray:
        """Tell which queries are likely chimeras, bool (Q,); none where that is not asked."""
        if not self.check_chimeras:
            return np.zeros(len(queries), bool)
        return find_chimeras(
            [query.bases for query in queries],
            similarities,
            self.index.vectors,
            self.members,
            self.index.taxa,
            self.vectors,
            min_bases=self.index.settings["min_bases"],
        )

    def _classify(self, batch: list[SequenceRecord]) -> Iterator[Assignment]:
        settings = self.index.settings
        results: list[Assignment | None] = []
        queries: list[_Query] = []
        for record in batch:
            barcode = clean(
                record, min_bases=settings["min_bases"], max_bases=settings["max_bases"]
            )
            if barcode.unclassifiable:
                results.append(_unclassifiable(record, barcode.bases, barcode.flags))
                continue
            sense = strand(barcode.bases, self.index.orientation)
            bases = barcode.bases if sense == "+" else reverse_complement(barcode.bases)
            queries.append(_Query(record, barcode, bases, sense))
            results.append(None)
        named = iter(self._name(queries))
        return (result or next(named) for result in results)

    def _name(self, queries: list[_Query]) -> Iterator[Assignment]:
        if not queries:
            return
        vectors = self.vectors([query.bases for query in queries])
        finite = np.isfinite(vectors).all(1)
        vectors[~finite] = 0.0
        similarities, rows = nearest(self.index.vectors, vectors, self.neighbours)
        chimeras = self._chimeras(queries, similarities[:, 0])
        neighbours = Neighbours.ranked(
            similarities, rows, self._identities(queries, rows), self.identity_weight
        )
        calibration = self.index.calibration
        winners, features = weigh(
            neighbours,
            self.members,
            self.index.taxa.codes,
            self.temperature,
            np.array([len(query.bases) for query in queries]),
            calibration.median_length,
        )
        in_reference = calibration.in_reference(features)
        decisions = decide(
            winners, calibration.correct(features, winners), in_reference, self.confidence_threshold
        )
        for i, query in enumerate(queries):
            if finite[i]:
                yield self._assignment(
                    query,
                    neighbours,
                    winners[i],
                    in_reference[i],
                    decisions,
                    i,
                    chimera=bool(chimeras[i]),
                    vector=vectors[i],
                )
            else:
                flags = (*query.barcode.flags, NO_VECTOR)
                yield _unclassifiable(query.record, query.bases, flags)

    def _assignment(
        self,
        query: _Query,
        neighbours: Neighbours,
        winners,
        in_reference,
        decisions,
        i: int,
        *,
        chimera: bool,
        vector: np.ndarray,
    ) -> Assignment:
        taxa = self.index.taxa
        guesses = [
            (taxa.names[r][code], float(decisions.confidence[i, r])) if code >= 0 else (None, None)
            for r, code in enumerate(winners.tolist())
        ]
        names = tuple(
            name if confidence is not None and confidence >= least else None
            for (name, confidence), least in zip(guesses, self.confidence_threshold, strict=True)
        )
        hits = _hits(neighbours, i)
        best = hits[0]
        placed, novel = int(decisions.placed[i]), int(decisions.novel[i])
        sequences = self.index.sequences
        raised = self.quality.judge(
            query.bases,
            names,
            sequences[best.row] if sequences is not None else None,
            best.identity,
            chimera=chimera,
        )
        return Assignment(
            query_id=query.record.id,
            status=str(decisions.status[i]),
            length=len(query.bases),
            flags=(*query.barcode.flags, *raised),
            strand=query.strand,
            novel_rank=taxa.ranks[novel] if novel >= 0 else None,
            rank=taxa.ranks[placed] if placed >= 0 else None,
            taxon=guesses[placed][0] if placed >= 0 else None,
            confidence=guesses[placed][1] if placed >= 0 else None,
            names=names,
            confidences=tuple(confidence for _, confidence in guesses),
            nearest_id=self.reference_id(best.row),
            similarity=best.similarity,
            identity=best.identity,
            overlap=best.overlap,
            hits=hits,
            in_reference=tuple(in_reference.tolist()),
            bases=query.bases,
            vector=vector,
        )


def _hits(neighbours: Neighbours, i: int) -> tuple[Hit, ...]:
    """Return the neighbours of one query; those that were not aligned have no identity."""
    aligned = neighbours.identities or ()
    columns = (neighbours.rows, neighbours.similarities, *aligned)
    return tuple(Hit(*told) for told in zip_longest(*(column[i].tolist() for column in columns)))


def _unclassifiable(record: SequenceRecord, bases: str, flags: tuple[str, ...]) -> Assignment:
    length = max(len(bases), record.length) if "too_long" in flags else len(bases)
    return Assignment(record.id, "unclassifiable", length, flags)
