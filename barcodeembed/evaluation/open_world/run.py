"""The open-world evaluation: an index and other methods name the same labelled queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.thresholds import confidence_thresholds
from barcodeembed.embedding.vector_maker import VectorMaker
from barcodeembed.errors import InputError
from barcodeembed.evaluation.open_world.aligners import PEERS
from barcodeembed.evaluation.open_world.figures import (
    evaluate_agreement,
    evaluate_decisions,
    evaluate_method,
)
from barcodeembed.evaluation.open_world.predictions import classify_queries, nearest_by_kmers
from barcodeembed.evaluation.queries import CATEGORIES, sort_queries
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.taxonomy.references import LabelledRecord


def evaluate_open_world(
    index: ReferenceIndex,
    embedder: VectorMaker,
    labelled: Iterable[LabelledRecord],
    *,
    against: Sequence[str],
    threads: int,
    sample: int | None,
    min_confidence: float | None,
    max_error: float | None,
    neighbours: int,
    temperature: float | None,
    batch_size: int,
    seed: int,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> dict[str, Any]:
    """Name labelled queries with an index and with other methods; return the figures for JSON.

    ``against`` lists the other methods, of `vocabulary.PEERS`. ``sample`` is the largest number of
    queries of each category. ``min_confidence`` to ``batch_size`` are as in `Classifier`. Raises
    InputError if there is no query, a program is not installed, or there are other methods but the
    index contains no sequences for them.
    """
    if against and index.sequences is None:
        raise InputError(
            "an index of prototypes contains no sequences for --against "
            f"{','.join(against)}; use --against none"
        )
    queries = sort_queries(labelled, index.taxa, sample=sample, seed=seed)
    if not set(queries.categories) & set(CATEGORIES):
        warn(
            "no query belongs to a genus or family of the reference; check that their lineages "
            "use the same ranks and the same spelling"
        )
    values = confidence_thresholds(index, min_confidence, max_error).tolist()
    thresholds = dict(zip(index.taxa.ranks, values, strict=True))
    classifier = Classifier(
        index, embedder, neighbours=neighbours, temperature=temperature, min_confidence=0.0
    )
    nearest, best, assignments = classify_queries(classifier, queries, batch_size, thresholds)
    methods = [nearest, best]
    for name in against:
        say(f"running {name}")
        if name == "kmer":
            methods.append(nearest_by_kmers(index, queries))
        else:
            methods += PEERS[name](index, queries, threads)
    return {
        "references": len(index.vectors),
        "queries": dict(Counter(queries.categories)),
        "threads": threads,
        "max_error": max_error,
        # JSON has no infinity, which stands for a rank that is never named.
        "confidence_threshold": {rank: c if c < inf else None for rank, c in thresholds.items()},
        "methods": [evaluate_method(method, queries) for method in methods],
        "agreement": {
            method.method: evaluate_agreement(best, method, queries)
            for method in methods
            if method.accepted is not None and method is not best
        },
        "decisions": evaluate_decisions(best, assignments, queries, thresholds),
    }
