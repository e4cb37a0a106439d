"""The figures of the open-world evaluation, computed from the names that a method gives.

In every figure that covers all queries, those whose species is in the reference (``seen``) and all
others have a total weight of one half each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from barcodeembed.classify.assignment import Assignment
from barcodeembed.evaluation.metrics import auroc, calibration_error
from barcodeembed.evaluation.open_world.predictions import Predictions
from barcodeembed.evaluation.queries import CATEGORIES, SEEN, LabelledQueries
from barcodeembed.taxonomy.ranks import RANKS


def evaluate_method(predictions: Predictions, queries: LabelledQueries) -> dict[str, Any]:
    """Return the accuracy, novelty AUROC, calibration error and speed of a method.

    Accuracy is by category and rank, over the queries whose true lineage has a name at the rank.
    A query without a predicted name counts as incorrect. Novelty AUROC says how well a score
    separates seen queries from those whose taxon is not in the reference. The score is the
    probability that the taxon is in the reference, or for a method without such probabilities the
    similarity of the top hit.
    """
    outcomes = _outcomes(predictions, queries)
    result: dict[str, Any] = {
        "method": predictions.method,
        "accuracy": _accuracy(outcomes),
        "novelty_auroc": _novelty(predictions, queries),
        "queries_per_second": round(len(queries) / predictions.seconds, 1),
    }
    if predictions.confidences is not None:
        result["calibration_error"] = _calibration(outcomes)
    if predictions.accepted is not None:
        result["accepted"] = {"rule": predictions.rule, "ranks": _accepted(outcomes)}
    return result


def evaluate_agreement(
    ours: Predictions, theirs: Predictions, queries: LabelledQueries
) -> dict[str, dict[str, float | None]]:
    """Return by rank how many of the correct names of one method the other one has too.

    Only accepted names of seen queries count. ``ours`` is `classify`. ``found_by_classify`` is the
    fraction of the correct names of the other method that `classify` also has, and
    ``found_by_method`` the fraction of the correct names of `classify` that the method also has.
    Ranks at which one of them has no correct name are left out.
    """
    outcomes = (_outcomes(predictions, queries) for predictions in (ours, theirs))
    seen = [of[of["category"] == "seen"] for of in outcomes]
    correct_ours, correct_theirs = (of["accepted"] & of["correct"] for of in seen)
    ranks = seen[0]["rank"]
    result = {}
    for rank in ranks.unique():
        at = ranks == rank
        both = (correct_ours & correct_theirs)[at].sum()
        if correct_ours[at].any() and correct_theirs[at].any():
            result[str(rank)] = {
                "found_by_classify": _rounded(both / correct_theirs[at].sum()),
                "found_by_method": _rounded(both / correct_ours[at].sum()),
            }
    return result


def evaluate_decisions(
    predictions: Predictions,
    assignments: Sequence[Assignment],
    queries: LabelledQueries,
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """Return by category what the table of `classify` shows: statuses, and names at each rank.

    ``thresholds`` is the confidence threshold of each rank. ``statuses`` are fractions of the
    queries; novel queries are counted by their novel rank. For each rank ``named`` is the fraction
    of queries with a name, and ``precision`` the fraction of these names that are correct.
    """
    outcomes = _outcomes(predictions, queries)
    outcomes["named"] = outcomes["confidence"] >= outcomes["rank"].map(thresholds)
    result = {}
    for category in CATEGORIES:
        chosen = [a for a, c in zip(assignments, queries.categories, strict=True) if c == category]
        if not chosen:
            continue
        statuses = pd.Series([_status(a, thresholds) for a in chosen])
        by_rank = outcomes[outcomes["category"] == category].groupby("rank", sort=False)
        result[category] = {
            "queries": len(chosen),
            "statuses": {
                str(status): _rounded(fraction)
                for status, fraction in statuses.value_counts(normalize=True).sort_index().items()
            },
            "ranks": {
                str(rank): {
                    "named": _rounded(rows["named"].mean()),
                    "precision": _rounded(rows.loc[rows["named"], "correct"].mean()),
                }
                for rank, rows in by_rank
            },
        }
    return result


def _accuracy(outcomes: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    means = outcomes.groupby(["category", "rank"])["correct"].mean()
    return {
        category: {
            rank: _rounded(means[category, rank]) for rank in RANKS if (category, rank) in means
        }
        for category in CATEGORIES
    }


def _novelty(predictions: Predictions, queries: LabelledQueries) -> dict[str, float | None]:
    of = np.array(queries.categories)
    named = np.array([[name is not None for name in lineage] for lineage in queries.lineages])
    seen = np.isin(of, SEEN)[:, None] & named
    result = {}
    for category, rank in CATEGORIES.items():
        if rank is None:
            continue
        scores = predictions.similarity
        if predictions.in_reference is not None:
            scores = predictions.in_reference[:, RANKS.index(rank)]
        if not np.isnan(scores).any():
            known = seen[:, RANKS.index(rank)]
            result[rank] = _rounded(auroc(scores[known], scores[of == category]))
    return result


def _calibration(outcomes: pd.DataFrame) -> dict[str, float | None]:
    with_confidence = outcomes.dropna(subset=["confidence"])
    return {
        str(rank): _rounded(
            calibration_error(
                rows["confidence"].to_numpy(float),
                rows["correct"].to_numpy(bool),
                weights=_half_weights(rows["category"].isin(SEEN)),
            )
        )
        for rank, rows in with_confidence.groupby("rank", sort=False)
    }


def _accepted(outcomes: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return by rank the fraction of queries with an accepted name, and how many are correct.

    ``precision`` is the fraction of the accepted names that are correct, ``correct`` the fraction
    of all queries with a correct accepted name. ``overclassified`` is the fraction of the queries
    whose taxon at the rank is not in the reference that have an accepted name there.
    """
    result = {}
    for rank, rows in outcomes.groupby("rank", sort=False):
        weights = _half_weights(rows["category"].isin(SEEN))
        accepted, correct = (rows[c].to_numpy(float) for c in ("accepted", "correct"))
        new = [
            category
            for category, at in CATEGORIES.items()
            if at and RANKS.index(at) <= RANKS.index(str(rank))
        ]
        of_new = rows["category"].isin(new)
        result[str(rank)] = {
            "named": _rounded(np.average(accepted, weights=weights)),
            "precision": _rounded(
                np.average(correct, weights=weights * accepted) if accepted.any() else math.nan
            ),
            "correct": _rounded(np.average(accepted * correct, weights=weights)),
            "overclassified": _rounded(rows.loc[of_new, "accepted"].mean()),
        }
    return result


def _status(assignment: Assignment, thresholds: Mapping[str, float]) -> str:
    """Return the status that `classify` gives with these thresholds; a novel one with its rank.

    The assignment was made with a threshold of 0, so every query that is not novel is assigned.
    """
    if assignment.status == "novel":
        return f"novel {assignment.novel_rank}"
    lowest = list(thresholds.values())[-1]
    if assignment.status == "assigned" and (assignment.confidences[-1] or 0.0) < lowest:
        return "ambiguous"
    return assignment.status


def _half_weights(seen: pd.Series) -> np.ndarray:
    """Return weights of rows; seen queries and all others have half of the total weight each."""
    counts = seen.map(seen.value_counts())
    return (1 / counts).to_numpy(float)


def _outcomes(predictions: Predictions, queries: LabelledQueries) -> pd.DataFrame:
    """Return a row for each query and each rank at which the query has a true name."""
    confidences, accepted = predictions.confidences, predictions.accepted
    rows = [
        (
            category,
            rank,
            predicted[r] == truth[r],
            math.nan if confidences is None else confidences[i, r],
            accepted is not None and bool(accepted[i, r]) and predicted[r] is not None,
        )
        for i, (category, truth, predicted) in enumerate(
            zip(queries.categories, queries.lineages, predictions.names, strict=True)
        )
        for r, rank in enumerate(RANKS)
        if truth[r]
    ]
    return pd.DataFrame(rows, columns=["category", "rank", "correct", "confidence", "accepted"])


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(float(value), 4)
