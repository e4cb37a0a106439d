"""The command line of benchmarks that score trained models: ``run MODEL...`` and ``table``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from objectives import one_of_each_species
from run_or_table import begin, make_parser

#: From the path of a model to its figures.
Score = Callable[[Path], dict]


def main(
    description: str,
    results: Path,
    prepare: Callable[[Path, argparse.Namespace], Score],
    table: Callable[[dict[str, list[dict]]], str],
) -> None:
    """Score models and write the figures of each to ``results``, or print the table.

    ``prepare`` gets the table with one barcode of every species, and the arguments.
    """
    parser = make_parser(description)
    parser.add_argument("models", type=Path, nargs="*")
    asked = parser.parse_args()
    if asked.action == "table":
        print(table(read_results(results)))
        return
    begin(asked, results)
    species = one_of_each_species(asked.data / "reference.tsv.gz", asked.out / "species.tsv.gz")
    score = prepare(species, asked)
    for model in asked.models:
        found = score(model)
        (results / f"{model.name}.json").write_text(json.dumps(found, indent=1) + "\n")
        print(model.name, flush=True)


def read_results(results: Path) -> dict[str, list[dict]]:
    """Return the figures of each model, by its name without the seed."""
    runs: dict[str, list[dict]] = {}
    for path in sorted(results.glob("*.json")):
        runs.setdefault(path.stem.split("-seed")[0], []).append(json.loads(path.read_text()))
    return runs
