"""From what was found for queries to their answers: vote, decide, refuse.

Queries that are not of the marker are recognised before they get a name.

Shapes: Q queries, R ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np

from barcodeembed.classify.assignment import Assignment, Hit
from barcodeembed.classify.nearest import facts_of
from barcodeembed.classify.quality import NON_TARGET, Quality
from barcodeembed.classify.queries import Query
from barcodeembed.classify.read_errors import ReadErrors
from barcodeembed.classify.repeats import Found
from barcodeembed.embedding.vector_maker import NO_VECTOR
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.scoring.candidates import Finder, count_read, is_fragment
from barcodeembed.scoring.decision import Decisions, decide, novel_below
from barcodeembed.scoring.features import Closest, Neighbours, vote_features
from barcodeembed.scoring.ties import Ties, find_ties
from barcodeembed.sequences.cleaning import AMBIGUOUS_BASES
from barcodeembed.sequences.decoys import Decoy, known_decoys
from barcodeembed.vocabulary import CONTAMINANT


class Namer:
    """Names queries by their neighbours in an index.

    ``finder`` has found the neighbours. ``quality`` recognises what is not of the marker, and
    ``thresholds`` (R,) are those of the confidence.
    """

    def __init__(
        self, index: ReferenceIndex, finder: Finder, quality: Quality, thresholds: np.ndarray
    ) -> None:
        self.index, self.finder, self.quality, self.thresholds = index, finder, quality, thresholds
        self._members = index.members
        self._voters = self._members.supported(index.taxa.codes)
        self._first_records = index.first_records

    def name(
        self, queries: Sequence[Query], results: Sequence[Found], errors: ReadErrors
    ) -> Iterator[Assignment]:
        """Yield the answer of each query, in order, from what was found for it."""
        if not queries:
            return
        bases = [query.bases for query in queries]
        found = Found.join(results)
        neighbours = found.neighbours
        calibration = self.index.calibration
        read_Q = np.array([count_read(query.bases) for query in queries])
        winners, features = vote_features(
            neighbours,
            self._voters,
            self.index.taxa.codes,
            self.finder.temperatures(bases, self.index.taxa.above_genus),
            read_Q,
            errors.of(queries, is_fragment(read_Q, calibration.complete_length)),
            calibration.complete_length,
        )
        in_reference = calibration.in_reference(features)
        ties = find_ties(neighbours, self._members, self.index.taxa.codes, winners)
        decisions = decide(
            winners,
            calibration.correct(features, winners),
            in_reference,
            self.thresholds,
            ties.agreed,
            self._novel_below(queries, read_Q, neighbours, ties) * errors.novelty(queries),
        )
        for i, query in enumerate(queries):
            hits = _hits(neighbours, i)
            contaminant, near = found.decoys[i], neighbours.closest(i)
            decoy = None if contaminant is None else known_decoys()[contaminant]
            best = self._best_names(winners[i])
            names = self._accepted(best, decisions.confidence[i], ties.agreed[i])
            # A novel taxon is only of those above it that are named.
            belongs_to = names if decisions.novel[i] >= 0 else best
            refusal = (
                self._refusal(query, near, decoy, belongs_to) if found.finite[i] else NO_VECTOR
            )
            if refusal is None:
                yield self._assignment(
                    query,
                    hits,
                    best,
                    names,
                    in_reference[i],
                    decisions,
                    ties,
                    i,
                    chimera=bool(found.chimeras[i]),
                    contaminant=decoy is not None,
                    vector=found.vectors[i],
                )
            else:
                yield query.refuse(refusal)

    def _novel_below(
        self, queries: Sequence[Query], read_Q: np.ndarray, neighbours: Neighbours, ties: Ties
    ) -> np.ndarray:
        """Return the probability of being in the reference below which each is novel, (Q,).

        Without an alignment, nothing shows whether what was read of a query with many ambiguous
        bases disagrees with the references. Then it is never novel, nor if it is identical to the
        references of several taxa.
        """
        below_Q = novel_below(read_Q, self.index.calibration.complete_length)
        if neighbours.identities is not None:
            tied_Q = np.array([len(taxa) > 1 for taxa in ties.taxa], bool)
            return np.where(tied_Q & (neighbours.identities.percents[:, 0] == 100), 0.0, below_Q)
        ambiguous_Q = np.array([AMBIGUOUS_BASES in query.flags for query in queries], bool)
        return np.where(ambiguous_Q, 0.0, below_Q)

    def _refusal(
        self, query: Query, near: Closest, decoy: Decoy | None, names: Sequence[str | None]
    ) -> str | None:
        """Return the flag of a query that must not be named, or None.

        A contaminant is only named if one of ``names``, those of the index that fit best, is its.

        The calibration knows only barcodes of the marker, so its probabilities mean nothing for
        another sequence, and no threshold of confidence or novelty would prevent a name.
        """
        if decoy is not None and decoy.taxa.isdisjoint(names):
            return CONTAMINANT
        return NON_TARGET if self.quality.is_non_target(query.bases, *near) else None

    def _best_names(self, winners: np.ndarray) -> list[str | None]:
        """Return the best name of a query at each rank."""
        names = self.index.taxa.names
        return [names[r][code] if code >= 0 else None for r, code in enumerate(winners.tolist())]

    def _accepted(
        self, best: list[str | None], confidence: np.ndarray, agreed: np.ndarray
    ) -> tuple[str | None, ...]:
        """Return the best names with enough confidence, None at the other ranks."""
        enough = agreed & (confidence >= self.thresholds)
        return tuple(name if kept else None for name, kept in zip(best, enough, strict=True))

    def _assignment(
        self,
        query: Query,
        hits: tuple[Hit, ...],
        best_names: list[str | None],
        names: tuple[str | None, ...],
        in_reference: np.ndarray,
        decisions: Decisions,
        ties: Ties,
        i: int,
        *,
        chimera: bool,
        contaminant: bool,
        vector: np.ndarray,
    ) -> Assignment:
        taxa = self.index.taxa
        confidences = tuple(
            None if name is None else confidence
            for name, confidence in zip(best_names, decisions.confidence[i].tolist(), strict=True)
        )
        best = hits[0]
        first_record = int(self._first_records[best.row])
        nearest = facts_of(self.index, first_record)
        placed, novel = int(decisions.placed[i]), int(decisions.novel[i])
        sequences = self.index.sequences
        flags = self.quality.judge(
            query.bases,
            names,
            sequences[best.row] if sequences is not None else None,
            best.identity,
            chimera=chimera,
            contaminant=contaminant,
        )
        return Assignment(
            query_id=query.record.id,
            status=str(decisions.status[i]),
            length=query.length,
            flags=(*query.flags, *flags),
            strand=query.part.strand,
            novel_rank=taxa.ranks[novel] if novel >= 0 else None,
            rank=taxa.ranks[placed] if placed >= 0 else None,
            taxon=best_names[placed] if placed >= 0 else None,
            confidence=confidences[placed] if placed >= 0 else None,
            names=names,
            best_names=tuple(best_names),
            confidences=confidences,
            nearest_id=self.index.record_ids[first_record],
            similarity=best.similarity,
            identity=best.identity,
            overlap=best.overlap,
            hits=hits,
            in_reference=tuple(in_reference.tolist()),
            tied_taxa=tuple(taxa.names[-1][code] for code in ties.taxa[i]),
            start=query.start + 1,
            end=query.end,
            nearest_taxon=nearest.taxon,
            nearest_bin=nearest.bin,
            bases=query.bases,
            vector=vector,
        )


def _hits(neighbours: Neighbours, i: int) -> tuple[Hit, ...]:
    """Return the neighbours of one query; those that were not aligned have no identity."""
    aligned = neighbours.identities or ()
    fields = (neighbours.rows, neighbours.similarities, *aligned)
    hits = (Hit(*values) for values in zip_longest(*(f[i].tolist() for f in fields)))
    return tuple(
        hit if hit.identity == hit.identity else hit._replace(identity=None, overlap=None)
        for hit in hits
    )
