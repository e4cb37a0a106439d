"""Write the tables of benchmarks/markers.sh from its results.

    python benchmarks/markers.py OUT [--models]

Reads OUT/MARKER.json. The first table has the fractions of correct best guesses, the second what
`classify` names at its default threshold, and its largest calibration error. With `--models`, one
table compares the models of benchmarks/markers_shared.sh.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

#: 16S names most bacteria to their genus at best.
_TO_GENUS = ("seen genus", "genus")
BEST = (("seen", "species"), _TO_GENUS, ("unseen species", "genus"), ("unseen genus", "family"))

#: Figures of fewer queries are left out.
MIN_QUERIES = 10

NAMES = {
    "nearest reference": "closest reference",
    "classify": "`classify`",
    "VSEARCH --usearch_global": "VSEARCH, global",
    "VSEARCH --sintax": "VSEARCH, SINTAX",
}


#: The models of a marker, and where in OUT their results are.
MODELS = {"its own": ".", "shared by all markers": "shared", "its own, without names": "unnamed"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--models", action="store_true")
    asked = parser.parse_args()
    if asked.models:
        compare_models(asked.out)
        return
    results = read(asked.out)
    to_genus = any(_TO_GENUS[0] in result["queries"] for result in results.values())
    shown = [of for of in BEST if to_genus or of != _TO_GENUS]
    header = " | ".join(": ".join(of) for of in shown)
    print(f"| marker | method | {header} | AUROC, novel species | AUROC, novel genus |")
    print("| --- | --- |" + " --- |" * (len(shown) + 2))
    for marker, result in results.items():
        for method in result["methods"]:
            print(
                f"| {marker} | {NAMES.get(method['method'], method['method'])} | "
                f"{scores(method, shown, result['queries'])} |"
            )
    columns = "seen species: named, correct | new species named | largest calibration error"
    print(f"\n| marker | references | queries | {columns} |\n| --- | --- | --- | --- | --- | --- |")
    for marker, result in results.items():
        count = sum(result["queries"].values())
        print(f"| {marker} | {result['references']:,} | {count:,} | {decided(result)} |")


def read(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def compare_models(out: Path) -> None:
    """Print the scores of `classify` with each model of each marker."""
    results = {model: read(out / folder) for model, folder in MODELS.items()}
    header = " | ".join(": ".join(of) for of in BEST)
    print(f"| marker | model | {header} | AUROC, novel species | AUROC, novel genus |")
    print("| --- | --- |" + " --- |" * (len(BEST) + 2))
    for marker in results["its own"]:
        for model in MODELS:
            if result := results[model].get(marker):
                ours = next(m for m in result["methods"] if m["method"] == "classify")
                print(f"| {marker} | {model} | {scores(ours, BEST, result['queries'])} |")


def scores(method: dict[str, Any], shown: list[tuple[str, str]], queries: dict[str, int]) -> str:
    enough = {category for category, count in queries.items() if count >= MIN_QUERIES}
    fractions = [
        method["accuracy"].get(category, {}).get(rank) if category in enough else None
        for category, rank in shown
    ]
    novelty = [
        method["novelty_auroc"].get(rank) if f"unseen {rank}" in enough else None
        for rank in ("species", "genus")
    ]
    return " | ".join("" if v is None else f"{v:.3f}" for v in [*fractions, *novelty])


def decided(result: dict[str, Any]) -> str:
    seen, unseen = (
        result["decisions"][kind]["ranks"]["species"]
        if result["queries"].get(kind, 0) >= MIN_QUERIES
        else {}
        for kind in ("seen", "unseen species")
    )
    ours = next(m for m in result["methods"] if m["method"] == "classify")
    errors = {rank: e for rank, e in ours["calibration_error"].items() if e is not None}
    rank = max(errors, key=errors.__getitem__)
    named, correct, new = seen.get("named"), seen.get("precision"), unseen.get("named")
    shown = ["" if v is None else f"{v:.3f}" for v in (named, correct, new)]
    return f"{', '.join(filter(None, shown[:2]))} | {shown[2]} | {errors[rank]:.3f} ({rank})"


if __name__ == "__main__":
    main()
