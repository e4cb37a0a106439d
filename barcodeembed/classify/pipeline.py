"""Queries to assignments: clean, orient, embed, search, vote, decide; one result per record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from barcodeembed.classify.chimeras import find_chimeras
from barcodeembed.classify.decision import decide
from barcodeembed.classify.identity import identities
from barcodeembed.classify.quality import Quality, code_for
from barcodeembed.classify.vote import NEIGHBOURS, rescore, vote
from barcodeembed.embedding import NO_VECTOR, VectorMaker, normalise
from barcodeembed.errors import IndexMismatch
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.search import nearest
from barcodeembed.sequences.cleaning import CleanSequence, clean, reverse_complement
from barcodeembed.sequences.frames import GENETIC_CODE
from barcodeembed.sequences.orientation import strand
from barcodeembed.sequences.records import SequenceRecord


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is known of one query.

    ``names`` and ``confidences`` follow the ranks of the reference (None where unknown);
    ``rank`` and ``taxon`` say where the query is placed, ``novel_rank`` where it is new.
    ``hits`` are (reference row, similarity), in the order in which they count; ``score`` is that
    of the first, its similarity and weighted identity.
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
    hits: tuple[tuple[int, float], ...] = ()
    score: float | None = None


@dataclass(frozen=True, slots=True)
class _Query:
    record: SequenceRecord
    barcode: CleanSequence
    bases: str
    strand: str


class Classifier:
    """An index and the embedder that made it, ready for queries.

    ``neighbours`` vote, with the index's own ``temperature`` unless another is given. The index
    says too what their percent identity counts beside their similarity. ``genetic_code`` is as in
    `Quality`; with ``check_chimeras`` the halves of each query are looked up too. Raises
    IndexMismatch where the embedder is another one.
    """

    def __init__(
        self, index: ReferenceIndex, embedder: VectorMaker, *, neighbours: int = NEIGHBOURS,
        temperature: float | None = None, min_confidence: float = 0.5,
        genetic_code: int | str | None = GENETIC_CODE, check_chimeras: bool = False,
    ) -> None:  # fmt: skip
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
        self.min_confidence = min_confidence
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
        vectors = self.embedder.embed(sequences)
        if self.index.whitening:
            vectors = self.index.whitening.apply(vectors)
        return normalise(vectors)

    def _identities(self, queries: list[_Query], rows: np.ndarray) -> np.ndarray | None:
        """Align queries to their neighbours, or to the nearest alone where identity does not count.

        Returns percent identities, (Q, K) or (Q, 1); None where the index keeps no sequences.
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
            [query.bases for query in queries], similarities, self.index.vectors, self.members,
            self.index.taxa, self.vectors, min_bases=self.index.settings["min_bases"],
        )  # fmt: skip

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
        known = self.index.calibration.known(similarities[:, 0])
        scores, percents = similarities, self._identities(queries, rows)
        if self.identity_weight:
            scores, order = rescore(similarities, rows, percents, self.identity_weight)
            similarities, rows, percents = (
                np.take_along_axis(values, order, 1) for values in (similarities, rows, percents)
            )
        winners, shares = vote(
            scores, rows, self.members, self.index.taxa.codes, self.temperature
        )
        decisions = decide(winners, shares, known, self.min_confidence)
        for i, query in enumerate(queries):
            if finite[i]:
                hits = tuple(zip(rows[i].tolist(), similarities[i].tolist(), strict=True))
                yield self._assignment(
                    query, hits, winners[i], decisions, i, score=float(scores[i, 0]),
                    identity=None if percents is None else float(percents[i, 0]),
                    chimera=bool(chimeras[i]),
                )  # fmt: skip
            else:
                flags = (*query.barcode.flags, NO_VECTOR)
                yield _unclassifiable(query.record, query.bases, flags)

    def _assignment(
        self, query: _Query, hits, winners, decisions, i: int, *, score: float,
        identity: float | None, chimera: bool,
    ) -> Assignment:  # fmt: skip
        taxa = self.index.taxa
        guesses = [
            (taxa.names[r][code], float(decisions.confidence[i, r])) if code >= 0 else (None, None)
            for r, code in enumerate(winners.tolist())
        ]
        names = tuple(
            name if confidence is not None and confidence >= self.min_confidence else None
            for name, confidence in guesses
        )
        placed, novel = int(decisions.placed[i]), int(decisions.novel[i])
        best, similarity = hits[0]
        sequences = self.index.sequences
        raised = self.quality.judge(
            query.bases, names, sequences[best] if sequences is not None else None, identity,
            chimera=chimera,
        )  # fmt: skip
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
            nearest_id=self.reference_id(best),
            similarity=similarity,
            identity=identity,
            hits=hits,
            score=score,
        )


def _unclassifiable(record: SequenceRecord, bases: str, flags: tuple[str, ...]) -> Assignment:
    length = max(len(bases), record.length) if "too_long" in flags else len(bases)
    return Assignment(record.id, "unclassifiable", length, flags)
