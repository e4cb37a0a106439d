"""How often do damaged copies of barcodes get the name of their species?

    python benchmarks/robustness.py run MODEL... [--data FOLDER] [--out FOLDER]
    python benchmarks/robustness.py table > table.md

ContraBERT (arXiv 2301.09072) compares models before and after contrastive pretraining by damaged
copies of the same programs. Here copies of barcodes have sequencing errors, ambiguous bases, or
are cut. Queries are 1,000 barcodes of species that the reference has. The references are one
barcode of each of these species and of 10,000 others. A query gets the name of the reference with
the most similar vector. The figures of a model are written to
benchmarks/results/objectives/robustness/NAME.json.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from damage import cut
from frozen_models import Score, main
from objectives import RESULTS, spread

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.vector_maker import encode_all
from barcodeembed.sequences.cleaning import clean
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.references import chain_labelled
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.search import nearest

_SPECIES = RANKS.index("species")


def ambiguous(bases: str, fraction: float, rng: np.random.Generator) -> str:
    """Return the bases with a random fraction replaced by N."""
    unknown = rng.random(len(bases)) < fraction
    return "".join("N" if n else base for base, n in zip(bases, unknown, strict=True))


def _errors(bases: str, rate: float, indels: float, rng: np.random.Generator) -> str:
    return add_sequencing_errors(bases, rate, rng, indels)


#: The kinds of damage. Of the errors of a kind, all or no ones are insertions and deletions.
DAMAGE: dict[str, Callable[..., str]] = {
    "intact": lambda bases, rng: bases,
    "1 % substitutions": partial(_errors, rate=0.01, indels=0.0),
    "3 %": partial(_errors, rate=0.03, indels=0.0),
    "10 %": partial(_errors, rate=0.1, indels=0.0),
    "1 % indels": partial(_errors, rate=0.01, indels=1.0),
    "5 % N": partial(ambiguous, fraction=0.05),
    "313 bases": partial(cut, length=313),
    "130 bases": partial(cut, length=130),
}


def prepare(species: Path, asked: argparse.Namespace) -> Score:
    references, queries = select(named(species), named(asked.data / "val_seen.tsv.gz"))
    return lambda model: score(Embedder.load(model), references, queries)


#: Bases and the name of a species.
Named = tuple[str, str]


def named(path: Path) -> list[Named]:
    return [
        (clean(record, max_bases=20_000).bases, str(lineage[_SPECIES]))
        for record, lineage in chain_labelled([path])
        if lineage[_SPECIES]
    ]


def select(
    references: list[Named], queries: list[Named], count: int = 1_000, others: int = 10_000
) -> tuple[list[Named], list[Named]]:
    """Return the references of some queries' species and of other species, and the queries."""
    draw = random.Random(0)
    chosen = draw.sample(queries, min(count, len(queries)))
    species = {name for _, name in chosen}
    more = [each for each in references if each[1] not in species]
    own = [each for each in references if each[1] in species]
    return own + draw.sample(more, min(others, len(more))), chosen


def score(embedder: Embedder, references: list[Named], queries: list[Named]) -> dict[str, float]:
    """Return the fraction of the queries with the correct name, for each kind of damage."""
    names = np.array([name for _, name in references])
    wanted = np.array([name for _, name in queries])
    known = embed(embedder, [bases for bases, _ in references])
    found = {}
    for kind, damage in DAMAGE.items():
        rng = np.random.default_rng(0)
        copies = [damage(bases, rng=rng) for bases, _ in queries]
        _, rows = nearest(known, embed(embedder, copies), 1)
        found[kind] = float((names[rows[:, 0]] == wanted).mean())
    return found


def embed(embedder: Embedder, barcodes: list[str]) -> np.ndarray:
    return normalise(encode_all(embedder, barcodes, lambda done, total: None))


def table(runs: dict[str, list[dict]]) -> str:
    """Return a Markdown table: a row for each model, with the mean and range of its seeds."""
    lines = ["| model | seeds | " + " | ".join(DAMAGE) + " |", "| --- " * (len(DAMAGE) + 2) + "|"]
    for name, found in runs.items():
        cells = [spread([run[kind] for run in found]) for kind in DAMAGE]
        lines.append("| " + " | ".join([name, str(len(found)), *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(__doc__.split("\n")[0], RESULTS / "robustness", prepare, table)
