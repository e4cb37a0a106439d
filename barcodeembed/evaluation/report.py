"""The evaluation's figures, as a dictionary for JSON and as Markdown to read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from barcodeembed.classify.pipeline import Assignment
from barcodeembed.evaluation.metrics import auroc, calibration_error
from barcodeembed.evaluation.open_world.predictions import Predictions
from barcodeembed.evaluation.queries import CATEGORIES, LabelledQueries
from barcodeembed.taxonomy.ranks import RANKS

SCHEMA_VERSION = 1

#: The accuracies that open-world work is judged by: (category, rank).
_HEADLINES = (
    ("seen", "species"),
    ("seen", "genus"),
    ("unseen species", "genus"),
    ("unseen species", "family"),
    ("unseen genus", "family"),
    ("unseen genus", "order"),
)


def evaluate_method(predictions: Predictions, queries: LabelledQueries) -> dict[str, Any]:
    """Return accuracy by category and rank, AUROC of novelty, calibration error and speed.

    Accuracy counts every query whose truth has a name at the rank; one that got no name is
    wrong. AUROC is of the probability that the taxon is in the reference, or where a method has
    none of the similarity to the top hit, separating seen queries from the others. In the
    calibration error seen queries and the others weigh half of the whole each.
    """
    outcomes = _outcomes(predictions, queries)
    accuracy = outcomes.groupby(["category", "rank"])["right"].mean()
    of = np.array(queries.categories)

    def familiar(rank: str) -> np.ndarray:
        if predictions.in_reference is None:
            return predictions.similarity
        return predictions.in_reference[:, RANKS.index(rank)]

    result: dict[str, Any] = {
        "method": predictions.method,
        "accuracy": {
            category: {
                rank: _rounded(accuracy.get((category, rank), math.nan))
                for rank in RANKS
                if (category, rank) in accuracy.index
            }
            for category in CATEGORIES
        },
        "novelty_auroc": {
            rank: _rounded(auroc(familiar(rank)[of == "seen"], familiar(rank)[of == category]))
            for category, rank in CATEGORIES.items()
            if rank and not np.isnan(familiar(rank)).any()
        },
        "queries_per_second": round(len(queries) / predictions.seconds, 1),
    }
    if predictions.confidences is not None:
        told = outcomes.dropna(subset=["confidence"])
        result["calibration_error"] = {
            rank: _rounded(
                calibration_error(
                    of_rank["confidence"].to_numpy(float),
                    of_rank["right"].to_numpy(bool),
                    weights=_half_and_half(of_rank["category"] == "seen"),
                )
            )
            for rank, of_rank in told.groupby("rank", sort=False)
        }
    if predictions.taken is not None:
        result["taken"] = {"rule": predictions.rule, "ranks": _taken(outcomes)}
    return result


def _taken(outcomes: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return by rank how many names are taken, and how many of those are right.

    Seen queries and the others weigh half of the whole each; ``too_deep`` is the share of queries
    whose own taxon at the rank is new that get a name there all the same.
    """
    result = {}
    for rank, rows in outcomes.groupby("rank", sort=False):
        weights = _half_and_half(rows["category"] == "seen")
        taken, right = (rows[c].to_numpy(float) for c in ("taken", "right"))
        new = [
            category
            for category, at in CATEGORIES.items()
            if at and RANKS.index(at) <= RANKS.index(rank)
        ]
        of_new = rows["category"].isin(new)
        result[rank] = {
            "named": _rounded(np.average(taken, weights=weights)),
            "precision": _rounded(
                np.average(right, weights=weights * taken) if taken.any() else math.nan
            ),
            "right": _rounded(np.average(taken * right, weights=weights)),
            "too_deep": _rounded(rows.loc[of_new, "taken"].mean()),
        }
    return result


def evaluate_agreement(
    ours: Predictions, theirs: Predictions, queries: LabelledQueries
) -> dict[str, dict[str, float | None]]:
    """Return by rank what two methods both take rightly, of what either does, in seen queries.

    ``theirs`` is the share of their right names that is also taken by ``ours``, and so the other.
    """
    seen = [of[of["category"] == "seen"] for of in (_outcomes(p, queries) for p in (ours, theirs))]
    right_ours, right_theirs = (of["taken"] & of["right"] for of in seen)
    ranks = seen[0]["rank"]
    return {
        rank: {
            "theirs": _rounded((right_ours & right_theirs)[at].sum() / right_theirs[at].sum()),
            "ours": _rounded((right_ours & right_theirs)[at].sum() / right_ours[at].sum()),
        }
        for rank, at in ((rank, ranks == rank) for rank in ranks.unique())
        if right_ours[at].any() and right_theirs[at].any()
    }


def evaluate_decisions(
    predictions: Predictions,
    assignments: Sequence[Assignment],
    queries: LabelledQueries,
    least: Mapping[str, float],
) -> dict[str, Any]:
    """Return what a user of the table meets: how often names are given, and right, by category.

    ``least`` is the confidence that is enough at each rank.
    ``called`` is the share of queries of each status and, among the novel, of each novel rank.
    """
    outcomes = _outcomes(predictions, queries)
    outcomes["named"] = outcomes["confidence"] >= outcomes["rank"].map(least)
    result = {}
    for category in CATEGORIES:
        chosen = [a for a, c in zip(assignments, queries.categories, strict=True) if c == category]
        if not chosen:
            continue
        calls = pd.Series([_call(a, least) for a in chosen])
        named = outcomes[outcomes["category"] == category].groupby("rank", sort=False)
        result[category] = {
            "queries": len(chosen),
            "called": {
                call: _rounded(share)
                for call, share in calls.value_counts(normalize=True).sort_index().items()
            },
            "ranks": {
                rank: {
                    "named": _rounded(rows["named"].mean()),
                    "precision": _rounded(rows.loc[rows["named"], "right"].mean()),
                }
                for rank, rows in named
            },
        }
    return result


def _call(assignment: Assignment, least: Mapping[str, float]) -> str:
    """Return the status that `classify` gives at those confidences, a novel one with its rank.

    The assignment was made with none, where every query that is not novel is assigned.
    """
    if assignment.status == "novel":
        return f"novel {assignment.novel_rank}"
    enough = list(least.values())[-1]
    if assignment.status == "assigned" and (assignment.confidences[-1] or 0.0) < enough:
        return "ambiguous"
    return assignment.status


def markdown(report: dict[str, Any]) -> str:
    """Write the report as Markdown tables: the audit first, then protocols, then open world."""
    sections = []
    if "audit" in report:
        sections += [_audit(report), _protocols(report)]
    if "methods" in report:
        sections.append(_open_world(report))
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _audit(report: dict[str, Any]) -> list[str]:
    """Say what was read and dropped, and what the splits share."""
    splits = report["splits"]
    lines = [
        f"Splits; dropped from those of queries: {report['deduplicate']} duplicates of train",
        "",
    ]
    header = ["split", "records", "left out", "distinct barcodes", "dropped", "used"]
    lines += _table(
        header,
        [
            [
                name,
                *(
                    f"{n:,}"
                    for n in (
                        split["records"],
                        sum(split["left_out"].values()),
                        split["barcodes"],
                        split["dropped"],
                        split["used"],
                    )
                ),
            ]
            for name, split in splits.items()
        ],
    )
    lines += ["", "Barcodes of one split that another has, before any is dropped", ""]
    kinds = ("exact", "contained", "containing", "same_bin")
    lines += _table(
        ["split", "in", "barcodes", "exact", "contained", "containing", "same BIN"],
        [
            [
                row["split"],
                row["in"],
                f"{row['barcodes']:,}",
                *("NA" if row[kind] is None else f"{row[kind]:,}" for kind in kinds),
            ]
            for row in report["audit"]
        ],
    )
    return lines


def _protocols(report: dict[str, Any]) -> list[str]:
    lines = ["Accuracy, or adjusted mutual information (AMI), with 95% confidence intervals", ""]
    return lines + _table(
        ["method", "queries", "rank", "value", "95% interval", "n"],
        [
            [
                score["method"],
                score["split"],
                score["rank"],
                _cell(score["value"]),
                f"{_cell(score['low'])} to {_cell(score['high'])}",
                f"{score['queries']:,}",
            ]
            for score in report["protocols"]
        ],
    )


def _open_world(report: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{n:,} {category}" for category, n in report["queries"].items())
    lines = [
        f"{report['references']:,} reference barcodes; queries: {counts}; "
        f"{report['threads']} {'thread' if report['threads'] == 1 else 'threads'}.",
        "",
    ]
    headings = [f"{category}: {rank}" for category, rank in _HEADLINES]
    headings += ["AUROC, novel species", "AUROC, novel genus", "queries/s"]
    rows = []
    for method in report["methods"]:
        cells = [method["accuracy"][category].get(rank) for category, rank in _HEADLINES]
        cells += [method["novelty_auroc"].get(rank) for rank in ("species", "genus")]
        rows.append([method["method"], *map(_cell, cells), f"{method['queries_per_second']:,.0f}"])
    lines += _table(["method", *headings], rows)
    lines += [
        "",
        "What users take for true: queries named / of those right, known and new taxa "
        "half and half; queries of new taxa named all the same",
        "",
    ]
    shown = ("order", "family", "genus", "species")
    lines += _table(
        ["method", "names taken from", *shown, "new genera named", "new species named"],
        [
            [
                method["method"],
                method["taken"]["rule"],
                *(
                    f"{_cell(of.get('named'))} / {_cell(of.get('precision'))}"
                    for of in (method["taken"]["ranks"].get(rank, {}) for rank in shown)
                ),
                *(
                    _cell(method["taken"]["ranks"].get(rank, {}).get("too_deep"))
                    for rank in ("genus", "species")
                ),
            ]
            for method in report["methods"]
            if "taken" in method
        ],
    )
    if report["agreement"]:
        lines += [
            "",
            "Of the right names taken by the one for seen queries, those that the other "
            "takes too: of the method's, of `classify`'s",
            "",
        ]
        lines += _table(
            ["method", *shown],
            [
                [
                    method,
                    *(
                        f"{_cell(of.get('theirs'))}, {_cell(of.get('ours'))}"
                        for of in (ranks.get(rank, {}) for rank in shown)
                    ),
                ]
                for method, ranks in report["agreement"].items()
            ],
        )
    decisions = report["decisions"]
    bound = report["max_error"]
    least = sorted({_cell(value) for value in report["confidence_threshold"].values()})
    at = f"--max-error {bound:g}" if bound is not None else f"confidence {', '.join(least)}"
    lines += [
        "",
        f"`classify` at {at}: "
        "share of queries named at each rank / share of those names that are right",
        "",
    ]
    ranks = [rank for rank in RANKS if any(rank in d["ranks"] for d in decisions.values())]
    rows = []
    for category, decided in decisions.items():
        cells = [
            f"{_cell(cell['named'])} / {_cell(cell['precision'])}" if cell else "NA"
            for cell in map(decided["ranks"].get, ranks)
        ]
        called = ", ".join(f"{call} {share:.3f}" for call, share in decided["called"].items())
        rows.append([category, *cells, called])
    lines += _table(["queries", *ranks, "called"], rows)
    lines += ["", "Expected calibration error of each rank's confidence", ""]
    calibrated = [m for m in report["methods"] if "calibration_error" in m]
    rows = [
        [m["method"], *(_cell(m["calibration_error"].get(rank)) for rank in ranks)]
        for m in calibrated
    ]
    lines += _table(["method", *ranks], rows)
    return lines


def _half_and_half(seen: pd.Series) -> np.ndarray:
    """Return weights that give queries of the closed and of the open world half of the whole."""
    counts = seen.map(seen.value_counts())
    return (1 / counts).to_numpy(float)


def _outcomes(predictions: Predictions, queries: LabelledQueries) -> pd.DataFrame:
    """Return a row per query and rank that the query is truly named at."""
    confidences, taken = predictions.confidences, predictions.taken
    rows = [
        (
            category,
            rank,
            predicted[r] == truth[r],
            math.nan if confidences is None else confidences[i, r],
            taken is not None and bool(taken[i, r]) and predicted[r] is not None,
        )
        for i, (category, truth, predicted) in enumerate(
            zip(queries.categories, queries.lineages, predictions.names, strict=True)
        )
        for r, rank in enumerate(RANKS)
        if truth[r]
    ]
    return pd.DataFrame(rows, columns=["category", "rank", "right", "confidence", "taken"])


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _rounded(value: float) -> float | None:
    return None if value is None or math.isnan(value) else round(float(value), 4)


def _cell(value: float | None) -> str:
    return "NA" if value is None else f"{value:.3f}"
