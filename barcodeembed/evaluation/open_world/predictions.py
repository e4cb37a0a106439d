"""The names that `classify` and two simpler methods give to the queries."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.classify.assignment import Assignment, Hit
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.embedding.vector_maker import encode_all
from barcodeembed.errors import InputError
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.evaluation.queries import LabelledQueries
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.sequences.cleaning import clean, reverse_complement
from barcodeembed.sequences.orientation import strand
from barcodeembed.taxonomy.ranks import RANKS, UNKNOWN, Lineage
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.search import nearest

NO_HIT = -np.inf


@dataclass(frozen=True, slots=True)
class Predictions:
    """The names that a method gives to all queries, and how long it took.

    ``similarity``, float (queries,), is that of the top hit, -inf without a hit; ``seconds`` is the
    time for all queries. A method may give ``confidences`` and ``in_reference``, float
    (queries, RANKS) with NaN for no value: the second are the probabilities that the taxon of the
    query at a rank is in the reference. ``accepted``, bool (queries, RANKS), says which names the
    users of the method accept as correct, and ``rule`` by which rule.
    """

    method: str
    names: Sequence[Lineage]
    similarity: np.ndarray
    seconds: float
    confidences: np.ndarray | None = None
    in_reference: np.ndarray | None = None
    accepted: np.ndarray | None = None
    rule: str = ""


def classify_queries(
    classifier: Classifier,
    queries: LabelledQueries,
    batch_size: int,
    thresholds: Mapping[str, float],
) -> tuple[Predictions, Predictions, list[Assignment]]:
    """Return the names of the closest references, those of `classify`, and its assignments.

    The classifier must show its best guess at every rank (``min_confidence=0``). A name is accepted
    if it has the confidence in ``thresholds`` for its rank, and its rank is above the novel rank.
    """
    began = time.perf_counter()
    assignments = list(classifier.classify(queries.records, batch_size=batch_size))
    seconds = time.perf_counter() - began
    index = classifier.index
    # The most similar hit. `classify` may rank another one first because of its identity.
    tops = [max(a.hits, key=_similarity_of, default=None) for a in assignments]
    similarity = np.array([top.similarity if top else NO_HIT for top in tops])
    nearest = _named(index, [top.row if top else None for top in tops])
    names, confidences, in_reference, above = _best_guesses(index.taxa.ranks, assignments)
    needed = np.array([thresholds.get(rank, np.inf) for rank in RANKS])
    distinct = sorted({f"{value:g}" for value in thresholds.values()})
    return (
        Predictions("nearest reference", nearest, similarity, seconds),
        Predictions(
            "classify",
            names,
            similarity,
            seconds,
            confidences,
            in_reference,
            above & (confidences >= needed),
            f"confidence {', '.join(distinct)}",
        ),
        assignments,
    )


def _similarity_of(hit: Hit) -> tuple[float, int]:
    return hit.similarity, -hit.row


def _best_guesses(
    ranks_of_index: Sequence[str], assignments: Sequence[Assignment]
) -> tuple[list[Lineage], np.ndarray, np.ndarray, np.ndarray]:
    """Return names, confidences, probabilities in_reference, and what is above the novel rank.

    The names are those with most votes. The arrays are (assignments, RANKS). A name that is one of
    several tied ones has no confidence.
    """
    ranks = [RANKS.index(rank) for rank in ranks_of_index]
    confidences, in_reference = (np.full((len(assignments), len(RANKS)), np.nan) for _ in range(2))
    above = np.ones(confidences.shape, bool)
    names: list[Lineage] = []
    for i, assignment in enumerate(assignments):
        in_reference[i, ranks] = assignment.in_reference or 0.0
        if assignment.novel_rank:
            above[i, RANKS.index(assignment.novel_rank) :] = False
        guess: list[str | None] = [None] * len(RANKS)
        of_ranks = zip(assignment.names, assignment.best_names, assignment.confidences, strict=True)
        for r, (name, best, confidence) in zip(ranks, of_ranks, strict=bool(assignment.names)):
            guess[r] = best
            if name is not None and confidence is not None:
                confidences[i, r] = confidence
        names.append(tuple(guess))
    return names, confidences, in_reference, above


def nearest_by_kmers(index: ReferenceIndex, queries: LabelledQueries, k: int = 5) -> Predictions:
    """Name queries by the reference with the most similar k-mer counts (cosine)."""
    counter = KmerCounter(k)
    references = normalise(
        encode_all(counter, reference_sequences(index), lambda done, total: None)
    )
    began = time.perf_counter()
    vectors = normalise(counter.encode(clean_bases(index, queries)))
    usable = np.isfinite(vectors).all(1)
    similarity = np.full(len(queries), NO_HIT)
    hits: list[int | None] = [None] * len(queries)
    found, rows = nearest(references, vectors[usable], 1)
    for i, score, row in zip(np.flatnonzero(usable), found[:, 0], rows[:, 0], strict=True):
        similarity[i], hits[i] = score, int(row)
    seconds = time.perf_counter() - began
    return Predictions(f"{k}-mer counts, cosine", _named(index, hits), similarity, seconds)


def clean_bases(index: ReferenceIndex, queries: LabelledQueries) -> list[str]:
    """Return the bases of the queries, cleaned and in the orientation of the references."""
    cleaned = (clean(record, max_bases=1_000_000).bases for record in queries.records)
    return [
        bases if strand(bases, index.orientation) == "+" else reverse_complement(bases)
        for bases in cleaned
    ]


def _named(index: ReferenceIndex, hits: Sequence[int | None]) -> list[Lineage]:
    lineages = reference_lineages(index)
    return [UNKNOWN if hit is None else lineages[hit] for hit in hits]


def reference_lineages(index: ReferenceIndex) -> list[Lineage]:
    """Return the lineage of the first record of each vector: the name that a top hit gives."""
    return [index.taxa.lineages[index.record_lineages[i]] for i in index.first_records]


def reference_sequences(index: ReferenceIndex) -> Sequence[str]:
    """Return the barcodes of an index. Raises InputError for prototypes, which have none."""
    if index.sequences is None:
        raise InputError("an index of prototypes contains no sequences to compare with")
    return index.sequences
