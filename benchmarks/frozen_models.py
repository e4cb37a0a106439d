"""The command line of benchmarks that score trained models: ``run MODEL...`` and ``table``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from objectives import one_of_each_species

from barcodeembed.model.devices import set_threads

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
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/coi"))
    parser.add_argument("--out", type=Path, default=Path("objectives"), help="what can be reused")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    if asked.action == "table":
        print(table(read_results(results)))
        return
    set_threads(asked.threads)
    asked.out.mkdir(exist_ok=True)
    species = one_of_each_species(asked.data / "reference.tsv.gz", asked.out / "species.tsv.gz")
    score = prepare(species, asked)
    results.mkdir(parents=True, exist_ok=True)
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
