"""With few labels, does pretraining pay? A linear map of frozen vectors, learned from some names.

    python benchmarks/few_labels.py run MODEL... [--data FOLDER] [--out FOLDER]
    python benchmarks/few_labels.py table > table.md

References and queries are those of the condition ``place`` of objectives.py. The map is learned
from the genera of 1, 10 or 100 % of the species: it makes the covariance within genera the same in
all directions (within-class covariance normalisation, Hatch et al., Interspeech 2006). Each query
then gets the name of the most similar of all references. This takes no training of the model;
``labels.py`` fine-tunes the whole model instead. The figures of a model are written to
benchmarks/results/objectives/few_labels/NAME.json.

Shapes: N vectors, D dimensions.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
from frozen_models import Score, main
from objectives import QUERIES, RESULTS, spread

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.vector_maker import encode_all
from barcodeembed.evaluation.open_world.figures import evaluate_method
from barcodeembed.evaluation.open_world.predictions import Predictions
from barcodeembed.evaluation.queries import LabelledQueries, sort_queries
from barcodeembed.sequences.cleaning import clean
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.references import chain_labelled
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.search import nearest

PERCENT = (0, 1, 10, 100)
COLUMNS = (("seen", "species"), ("unseen species", "genus"), ("unseen genus", "family"))

#: How much of the covariance is replaced by the same variance in all directions.
_SHRINKAGE = 0.1

_GENUS = RANKS.index("genus")


def prepare(species: Path, asked: argparse.Namespace) -> Score:
    records, lineages = zip(*chain_labelled([species]), strict=True)
    taxa = Taxa.of(sorted(set(lineages), key=str))
    queries = sort_queries(
        chain_labelled([asked.data / f"{part}.tsv.gz" for part in QUERIES]), taxa
    )

    def figures(model: Path) -> dict:
        kept = asked.out / f"{model.name}.npz"
        if not kept.exists():
            embedder = Embedder.load(model)
            np.savez(kept, *(embed(embedder, some) for some in (records, queries.records)))
        with np.load(kept) as arrays:
            references, asking = arrays["arr_0"], arrays["arr_1"]
        return {
            str(percent): score(references, asking, lineages, queries, percent)
            for percent in PERCENT
        }

    return figures


def embed(embedder: Embedder, records: tuple) -> np.ndarray:
    bases = [clean(record, max_bases=embedder.max_bases).bases for record in records]
    return encode_all(embedder, bases, lambda done, total: None)


def score(
    references: np.ndarray,
    asking: np.ndarray,
    lineages: tuple[Lineage, ...],
    queries: LabelledQueries,
    percent: int,
) -> dict:
    """Return the figures of the closest reference, with a map learned from some species."""
    if percent:
        chosen = some_of(len(lineages), percent)
        genera = np.array([lineages[row][_GENUS] or "" for row in chosen])
        linear_DD = within_genera(references[chosen][genera != ""], genera[genera != ""])
        references, asking = references @ linear_DD, asking @ linear_DD
    scores, rows = nearest(normalise(references), normalise(asking), 1)
    names = [lineages[row] for row in rows[:, 0]]
    return evaluate_method(Predictions("linear", names, scores[:, 0], 1.0), queries)


def some_of(count: int, percent: int) -> list[int]:
    """Return the rows of a random part of the species. Those of a smaller part are in it."""
    rows = list(range(count))
    random.Random(0).shuffle(rows)
    return rows[: round(count * percent / 100)]


def within_genera(vectors_ND: np.ndarray, genera_N: np.ndarray) -> np.ndarray:
    """Return the map (D, D) after which vectors of one genus vary equally in all directions."""
    numbers_N = np.unique(genera_N, return_inverse=True)[1]
    unit_ND = normalise(vectors_ND).astype(np.float64)
    sums = np.zeros((numbers_N.max() + 1, unit_ND.shape[1]))
    np.add.at(sums, numbers_N, unit_ND)
    counts = np.bincount(numbers_N)
    rest_ND = (unit_ND - (sums / counts[:, None])[numbers_N])[counts[numbers_N] > 1]
    covariance_DD = rest_ND.T @ rest_ND / max(len(rest_ND), 1)
    size = len(covariance_DD)
    level = np.trace(covariance_DD) / size
    shrunk_DD = (1 - _SHRINKAGE) * covariance_DD + _SHRINKAGE * level * np.eye(size)
    variances_D, directions_DD = np.linalg.eigh(shrunk_DD)
    return ((directions_DD / np.sqrt(variances_D)) @ directions_DD.T).astype(np.float32)


def table(runs: dict[str, list[dict]]) -> str:
    """Return a Markdown table: for each fraction of labels, a row for each model."""
    titles = " | ".join(f"{split}: {rank}" for split, rank in COLUMNS)
    lines = [f"| labels | model | seeds | {titles} |", "| --- " * 6 + "|"]
    for percent in PERCENT:
        for name, found in runs.items():
            figures = [run[str(percent)]["accuracy"] for run in found]
            cells = [spread([figure[split][rank] for figure in figures]) for split, rank in COLUMNS]
            labels = f"{percent} % of the species" if percent else "none"
            lines.append("| " + " | ".join([labels, name, str(len(found)), *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(__doc__.split("\n")[0], RESULTS / "few_labels", prepare, table)
