"""What each method says of the queries: the index's own pipeline, and k-mer counts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.classify.pipeline import Assignment, Classifier
from barcodeembed.embedding.vector_maker import encode_all
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
    """A method's names for every query, its similarity to the top hit, and its time in seconds.

    ``confidences`` and ``in_reference``, the probabilities that the taxon is in the reference, are
    (queries, RANKS), NaN where there is none, for a method that gives them. ``taken`` bool
    (queries, RANKS) are the names that its users take for true, by the rule in ``rule``.
    """

    method: str
    names: Sequence[Lineage]
    similarity: np.ndarray
    seconds: float
    confidences: np.ndarray | None = None
    in_reference: np.ndarray | None = None
    taken: np.ndarray | None = None
    rule: str = ""


def classify_queries(
    classifier: Classifier, queries: LabelledQueries, batch_size: int, least: Mapping[str, float]
) -> tuple[Predictions, Predictions, list[Assignment]]:
    """Return the nearest reference's names, the pipeline's best guesses, and its assignments.

    The classifier must show its best guess at every rank (``min_confidence=0``); of them those
    are taken that have at least the confidence in ``least``, by rank, and stand above the novel
    rank.
    """
    began = time.perf_counter()
    assignments = list(classifier.classify(queries.records, batch_size=batch_size))
    seconds = time.perf_counter() - began
    # What is most similar; the pipeline may rank another first, for its identity.
    nearest_hits = [
        max(a.hits, key=lambda hit: (hit.similarity, -hit.row), default=(None, NO_HIT))
        for a in assignments
    ]
    top_hits = [row for row, *_ in nearest_hits]
    similarity = np.array([value for _, value, *_ in nearest_hits])
    ranks = [RANKS.index(rank) for rank in classifier.index.taxa.ranks]
    enough = np.array([least.get(rank, np.inf) for rank in RANKS])
    told = sorted({f"{value:g}" for value in least.values()})
    confidences, in_reference = (np.full((len(assignments), len(RANKS)), np.nan) for _ in range(2))
    above = np.ones(confidences.shape, bool)
    guesses = []
    for row, there, fits, assignment in zip(
        confidences, in_reference, above, assignments, strict=True
    ):
        there[ranks] = assignment.in_reference or 0.0
        if assignment.novel_rank:
            fits[RANKS.index(assignment.novel_rank) :] = False
        guess: list[str | None] = [None] * len(RANKS)
        for r, name, confidence in zip(
            ranks, assignment.names, assignment.confidences, strict=bool(assignment.names)
        ):
            guess[r], row[r] = name, np.nan if confidence is None else confidence
        guesses.append(tuple(guess))
    return (
        Predictions("nearest reference", _named(classifier.index, top_hits), similarity, seconds),
        Predictions(
            "classify",
            guesses,
            similarity,
            seconds,
            confidences,
            in_reference,
            above & (confidences >= enough),
            f"confidence {', '.join(told)}",
        ),
        assignments,
    )


def nearest_by_kmers(index: ReferenceIndex, queries: LabelledQueries, k: int = 5) -> Predictions:
    """Name queries by the most similar reference in k-mer counts (cosine)."""
    counter = KmerCounter(k)

    def quiet(done: int, total: int) -> None: ...

    references = normalise(encode_all(counter, index.sequences, quiet))
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
    """Return the queries' bases as every peer is given them: cleaned, in the references' sense."""
    cleaned = (clean(record, max_bases=1_000_000).bases for record in queries.records)
    return [
        bases if strand(bases, index.orientation) == "+" else reverse_complement(bases)
        for bases in cleaned
    ]


def _named(index: ReferenceIndex, hits: Sequence[int | None]) -> list[Lineage]:
    lineages = reference_lineages(index)
    return [UNKNOWN if hit is None else lineages[hit] for hit in hits]


def reference_lineages(index: ReferenceIndex) -> list[Lineage]:
    """Return the lineage of each vector's first record: what a top hit names."""
    return [index.taxa.lineages[index.record_lineages[i]] for i in index.first_records]
