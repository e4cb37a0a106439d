"""The figures of an evaluation as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from barcodeembed.taxonomy.ranks import RANKS

#: Accuracies in the first table, as (category, rank); JSON has those of every rank.
_ACCURACIES = (
    ("seen", "species"),
    ("seen", "genus"),
    ("seen genus", "genus"),
    ("unseen species", "genus"),
    ("unseen species", "family"),
    ("unseen genus", "family"),
    ("unseen genus", "order"),
)

#: Ranks of the tables about accepted names.
_SHOWN = ("order", "family", "genus", "species")

_LEAKAGE = ("exact", "contained", "containing", "same_bin")

_MEASURES = {"accuracy": "accuracy", "ami": "AMI"}


def markdown(figures: dict[str, Any]) -> str:
    """Return Markdown tables of the figures: splits, leakage, protocols, open world."""
    sections = []
    if "leakage" in figures:
        sections += [_splits(figures), _leakage(figures), _protocols(figures)]
    if "methods" in figures:
        sections += [_methods(figures), _accepted(figures)]
        if figures["agreement"]:
            sections.append(_agreement(figures))
        sections += [_decisions(figures), _calibration(figures)]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _splits(figures: dict[str, Any]) -> list[str]:
    kinds = {"none": "no", "exact": "exact", "contained": "exact and contained"}
    lines = [
        "Splits. Removed from the query splits: "
        f"{kinds[figures['deduplicate']]} duplicates of train.",
        "",
    ]
    return lines + table(
        ["split", "records", "left out", "distinct barcodes", "removed", "used"],
        [[name, *(f"{n:,}" for n in _counts(split))] for name, split in figures["splits"].items()],
    )


def _counts(split: dict[str, Any]) -> list[int]:
    left_out = sum(split["left_out"].values())
    return [split["records"], left_out, *(split[key] for key in ("barcodes", "dropped", "used"))]


def _leakage(figures: dict[str, Any]) -> list[str]:
    lines = [
        "Leakage: barcodes of a split that are also in another one, before any is removed.",
        "",
    ]
    return lines + table(
        ["split", "found in", "barcodes", "exact", "contained", "containing", "same BIN"],
        [
            [
                row["split"],
                row["found_in"],
                f"{row['barcodes']:,}",
                *("NA" if row[kind] is None else f"{row[kind]:,}" for kind in _LEAKAGE),
            ]
            for row in figures["leakage"]
        ],
    )


def _protocols(figures: dict[str, Any]) -> list[str]:
    lines = ["Accuracy or adjusted mutual information (AMI), with 95 % confidence intervals.", ""]
    return lines + table(
        ["method", "split", "rank", "measure", "value", "95 % interval", "queries"],
        [
            [
                score["method"],
                score["split"],
                "BIN" if score["rank"] == "bin" else score["rank"],
                _MEASURES[score["measure"]],
                _cell(score["value"]),
                f"{_cell(score['low'])} to {_cell(score['high'])}",
                f"{score['queries']:,}",
            ]
            for score in figures["protocols"]
        ],
    )


def _methods(figures: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{n:,} {category}" for category, n in figures["queries"].items())
    lines = [
        f"{figures['references']:,} reference barcodes; queries: {counts}; "
        f"{figures['threads']} {'thread' if figures['threads'] == 1 else 'threads'}.",
        "",
        "Accuracy (category: rank), novelty AUROC and speed.",
        "",
    ]
    rare = {"seen genus"} - figures["queries"].keys()
    shown = [(category, rank) for category, rank in _ACCURACIES if category not in rare]
    headings = [f"{category}: {rank}" for category, rank in shown]
    headings += ["AUROC, novel species", "AUROC, novel genus", "queries/s"]
    rows = []
    for method in figures["methods"]:
        cells = [method["accuracy"][category].get(rank) for category, rank in shown]
        cells += [method["novelty_auroc"].get(rank) for rank in ("species", "genus")]
        rows.append([method["method"], *map(_cell, cells), f"{method['queries_per_second']:,.0f}"])
    return lines + table(["method", *headings], rows)


def _accepted(figures: dict[str, Any]) -> list[str]:
    lines = [
        "Accepted names: fraction of queries named / fraction of these names that are correct. "
        "Seen queries and all others have half of the weight each. The last columns: fraction of "
        "queries of a genus or species that is not in the reference, but that are named.",
        "",
    ]
    rows = []
    for method in figures["methods"]:
        if "accepted" not in method:
            continue
        ranks = method["accepted"]["ranks"]
        cells = [_pair(ranks.get(rank, {}), "named", "precision") for rank in _SHOWN]
        cells += [_cell(ranks.get(rank, {}).get("overclassified")) for rank in ("genus", "species")]
        rows.append([method["method"], method["accepted"]["rule"], *cells])
    header = ["method", "accepted from", *_SHOWN, "new genera named", "new species named"]
    return lines + table(header, rows)


def _agreement(figures: dict[str, Any]) -> list[str]:
    lines = [
        "Agreement on seen queries: fraction of the method's correct accepted names that "
        "`classify` also has / fraction of those of `classify` that the method also has.",
        "",
    ]
    rows = [
        [
            method,
            *(_pair(ranks.get(r, {}), "found_by_classify", "found_by_method") for r in _SHOWN),
        ]
        for method, ranks in figures["agreement"].items()
    ]
    return lines + table(["method", *_SHOWN], rows)


def _decisions(figures: dict[str, Any]) -> list[str]:
    bound = figures["max_error"]
    thresholds = sorted({_cell(value) for value in figures["confidence_threshold"].values()})
    at = f"--max-error {bound:g}" if bound is not None else f"confidence {', '.join(thresholds)}"
    lines = [
        f"`classify` at {at}: fraction of queries named at each rank / "
        "fraction of these names that are correct; and the fraction of each status.",
        "",
    ]
    ranks = _ranks_of(figures)
    rows = []
    for category, decided in figures["decisions"].items():
        cells = [
            _pair(decided["ranks"][rank], "named", "precision")
            if rank in decided["ranks"]
            else "NA"
            for rank in ranks
        ]
        statuses = (f"{status} {fraction:.3f}" for status, fraction in decided["statuses"].items())
        rows.append([category, *cells, ", ".join(statuses)])
    return lines + table(["queries", *ranks, "statuses"], rows)


def _calibration(figures: dict[str, Any]) -> list[str]:
    ranks = _ranks_of(figures)
    rows = [
        [method["method"], *(_cell(method["calibration_error"].get(rank)) for rank in ranks)]
        for method in figures["methods"]
        if "calibration_error" in method
    ]
    lines = ["Expected calibration error of the confidence at each rank.", ""]
    return lines + table(["method", *ranks], rows)


def _ranks_of(figures: dict[str, Any]) -> list[str]:
    decisions = figures["decisions"].values()
    return [rank for rank in RANKS if any(rank in decided["ranks"] for decided in decisions)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _pair(cells: dict[str, float | None], one: str, other: str) -> str:
    return f"{_cell(cells.get(one))} / {_cell(cells.get(other))}"


def _cell(value: float | None) -> str:
    return "NA" if value is None else f"{value:.3f}"
