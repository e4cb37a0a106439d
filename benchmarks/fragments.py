"""Write the tables of benchmarks/fragments.sh from its results.

    python benchmarks/fragments.py OUT

Reads OUT/fragments-INDEX-LENGTH-PERCENT.json. The first table has the fractions of correct best
guesses, the second what `classify` names at its default threshold.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from damage import LENGTHS, PERCENTS

BEST = (("seen", "species"), ("unseen species", "genus"), ("unseen genus", "family"))
INDEXES = {"reference": "all references", "coi": "what ships"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    cells = {
        (index, length, percent): json.loads(path.read_text())
        for length in LENGTHS
        for percent in PERCENTS
        for index in INDEXES
        if (path := out / f"fragments-{index}-{length}-{percent}.json").exists()
    }
    print(
        "| bases | errors | method | " + " | ".join(": ".join(b) for b in BEST) + " | queries/s |"
    )
    print("| --- | --- | --- |" + " --- |" * (len(BEST) + 1))
    for (index, length, percent), figures in cells.items():
        for method in figures["methods"]:
            name = method["method"]
            name = f"`classify`, {INDEXES[index]}" if name == "classify" else name
            if name != "closest reference":
                print(f"| {length} | {percent} % | {name} | {best(method)} |")
    print()
    columns = "seen: named, correct | unseen species: named | largest calibration error"
    print(f"| bases | errors | references | {columns} |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (index, length, percent), figures in cells.items():
        print(f"| {length} | {percent} % | {INDEXES[index]} | {decided(figures)} |")


def best(method: dict[str, Any]) -> str:
    fractions = [method["accuracy"][category].get(rank) for category, rank in BEST]
    shown = [f"{value:.3f}" for value in fractions]
    return " | ".join([*shown, f"{method['queries_per_second']:.0f}"])


def decided(figures: dict[str, Any]) -> str:
    decisions = figures["decisions"]
    seen, unseen = (decisions[c]["ranks"]["species"] for c in ("seen", "unseen species"))
    ours = next(m for m in figures["methods"] if m["method"] == "classify")
    errors = ours["calibration_error"]
    rank = max(errors, key=errors.get)
    named = f"{seen['named']:.3f}, {seen['precision']:.3f} | {unseen['named']:.3f}"
    return f"{named} | {errors[rank]:.3f} ({rank})"


if __name__ == "__main__":
    main()
