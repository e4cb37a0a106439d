"""The open-world evaluation: an index and its peers on the same labelled queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any

from barcodeembed.classify.pipeline import Classifier, confidence_thresholds
from barcodeembed.embedding.vector_maker import VectorMaker
from barcodeembed.errors import InputError
from barcodeembed.evaluation.open_world.aligners import PEERS
from barcodeembed.evaluation.open_world.predictions import classify_queries, nearest_by_kmers
from barcodeembed.evaluation.queries import CATEGORIES, sort_queries
from barcodeembed.evaluation.report import (
    evaluate_agreement,
    evaluate_decisions,
    evaluate_method,
)
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.taxonomy.references import LabelledRecord


def evaluate_open_world(
    index: ReferenceIndex,
    embedder: VectorMaker,
    labelled: Iterable[LabelledRecord],
    *,
    peers: Sequence[str],
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
    """Name labelled queries by an index and by its peers; returns the report's keys.

    ``min_confidence`` and ``max_error`` are as in `classify`. Raises InputError where there
    is no query, a peer is not installed, or there are peers and an
    index that keeps no sequences for them.
    """
    if peers and index.sequences is None:
        raise InputError(
            "an index of prototypes keeps no sequences for --against "
            f"{','.join(peers)}; give --against none"
        )
    chosen = sort_queries(labelled, index.taxa, sample=sample, seed=seed)
    if not set(chosen.categories) & set(CATEGORIES):
        warn(
            "no query shares a genus or family with the reference: do their lineages "
            "name the same ranks in the same spelling?"
        )
    least = dict(
        zip(
            index.taxa.ranks,
            confidence_thresholds(index, min_confidence, max_error).tolist(),
            strict=True,
        )
    )
    classifier = Classifier(
        index, embedder, neighbours=neighbours, temperature=temperature, min_confidence=0.0
    )
    nearest, best, assignments = classify_queries(classifier, chosen, batch_size, least)
    methods = [nearest, best]
    for peer in peers:
        say(f"running {peer}")
        if peer == "kmer":
            methods.append(nearest_by_kmers(index, chosen))
        else:
            methods += PEERS[peer](index, chosen, threads)
    return {
        "references": len(index.vectors),
        "queries": dict(Counter(chosen.categories)),
        "threads": threads,
        "max_error": max_error,
        "confidence_threshold": {rank: c if c < inf else None for rank, c in least.items()},
        "methods": [evaluate_method(method, chosen) for method in methods],
        "agreement": {
            method.method: evaluate_agreement(best, method, chosen)
            for method in methods
            if method.taken is not None and method is not best
        },
        "decisions": evaluate_decisions(best, assignments, chosen, least),
    }
