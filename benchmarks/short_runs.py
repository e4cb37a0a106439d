"""Short runs of small models on the same barcodes, for tokenization.py and shapes.py.

All models are trained with ``maelm``, without an anchor, on the same barcodes for the same number
of steps. Queries are named by the closest of one barcode of each of 5,000 species, before and
after training. Completed runs are skipped.
Shapes: B barcodes.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from claim_arms import Unsaved
from objectives import QUERIES, one_of_each_species, spread
from run_or_table import begin, make_parser
from token_kinds import MAX_BASES, Cut

from barcodeembed.corpus.batches import cut_whole
from barcodeembed.corpus.corpus import LABELS, Corpus
from barcodeembed.model.config import PRESETS, ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.plan import Phase, resolve_settings
from barcodeembed.sequences.cleaning import clean
from barcodeembed.taxonomy.ranks import RANKS, Lineage
from barcodeembed.taxonomy.references import LabelledRecord, chain_labelled
from barcodeembed.training.loop import Progress
from barcodeembed.training.recipe import Recipe
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.search import nearest
from barcodeembed.vectors.whitening import Whitening

STEPS, BATCH = 900, 64
REFERENCES, ASKED, HELD_OUT = 5_000, 1_000, 512

#: The queries of each table are named at this rank.
COLUMNS = dict(zip(QUERIES, ("species", "genus", "family"), strict=True))

PLAN = (Phase(1.0, {"maelm": 1.0}),)


@dataclass(frozen=True, slots=True)
class Barcodes:
    """Barcodes for training, then references, then the queries of each table, in this order."""

    bases: list[str]
    lineages: list[Lineage]
    training: int
    queries: dict[str, range]

    @property
    def references(self) -> range:
        return range(self.training, next(iter(self.queries.values())).start)


#: From the name of a run, its seed and the barcodes to its figures.
Run = Callable[[str, int, Barcodes], dict]


def main(
    description: str, results: Path, names: Iterable[str], run: Run, table: Callable[..., str]
) -> None:
    """Make the runs and write the figures of each to ``results``, or print the table."""
    parser = make_parser(description)
    parser.add_argument("--only", default="/".join(names), help="names, separated by slashes")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.action == "table":
        print(table(read_results(results)))
        return
    begin(asked, results)
    barcodes = read_barcodes(asked.data, asked.out)
    for name in asked.only.split("/"):
        path = results / f"{name.replace(' ', '-')}-seed{asked.seed}.json"
        if not path.exists():
            made = {"name": name, "seed": asked.seed, "steps": STEPS, "batch_size": BATCH}
            made |= run(name, asked.seed, barcodes)
            path.write_text(json.dumps(made, indent=1) + "\n")
            print(path.stem, flush=True)


def read_results(results: Path) -> dict[str, list[dict]]:
    """Return the figures of each run, by its name, of all seeds."""
    runs: dict[str, list[dict]] = {}
    for path in sorted(results.glob("*.json")):
        found = json.loads(path.read_text())
        runs.setdefault(found["name"], []).append(found)
    return runs


def read_barcodes(data: Path, out: Path) -> Barcodes:
    """Draw the barcodes, always the same ones. The taxa of all queries are among the references."""
    draw = random.Random(0)
    reference = data / "reference.tsv.gz"
    training = draw_some(_read(reference), STEPS * BATCH + HELD_OUT, draw)
    species = _read(one_of_each_species(reference, out / "species.tsv.gz"))
    references = draw_some(species, REFERENCES, draw)
    chosen, queries = training + references, {}
    for part, rank in COLUMNS.items():
        column = RANKS.index(rank)
        known = {lineage[column] for _, lineage in references} - {None, ""}
        asked = [each for each in _read(data / f"{part}.tsv.gz") if each[1][column] in known]
        asked = draw_some(asked, ASKED, draw)
        queries[part] = range(len(chosen), len(chosen) + len(asked))
        chosen += asked
    bases, lineages = zip(*chosen, strict=True)
    return Barcodes(list(bases), list(lineages), len(training), queries)


def _read(path: Path) -> list[LabelledRecord]:
    return list(chain_labelled([path]))


def draw_some(
    labelled: list[LabelledRecord], count: int, draw: random.Random
) -> list[tuple[str, Lineage]]:
    """Return the bases and the lineages of some random records, up to ``count``."""
    some = draw.sample(labelled, min(count, len(labelled)))
    cleaned = ((clean(record, max_bases=MAX_BASES), lineage) for record, lineage in some)
    return [(each.bases, lineage) for each, lineage in cleaned if not each.unclassifiable]


def train_and_score(cut: Cut, config: ModelConfig, seed: int, barcodes: Barcodes) -> dict:
    """Train one model on barcodes as tokens, and return its figures."""
    corpus, preset = make_corpus(cut, barcodes.training), PRESETS["tiny"]
    settings = resolve_settings(PLAN, preset.settings, [f"span={cut.span}"])
    rate = preset.learning_rate
    recipe = Recipe(config, PLAN, settings, STEPS, BATCH, learning_rate=rate, seed=seed)
    torch.manual_seed(seed)
    encoder = Encoder(config)
    before = score(encoder.eval(), corpus, barcodes)
    reports: list[Progress] = []
    with tempfile.TemporaryDirectory() as folder:
        trainer = Unsaved(recipe, corpus, Path(folder), torch.device("cpu"), encoder=encoder)
        began = time.process_time()
        trainer.run(report=reports.append, report_every=STEPS // 4, evaluate_every=STEPS)
        minutes = (time.process_time() - began) / 60
    held_out = reports[-1].held_out
    assert held_out is not None
    return {
        "weights": sum(weights.numel() for weights in encoder.parameters()),
        "core_minutes": round(minutes, 1),
        "loss": [report.metrics["loss"] for report in reports],
        "held_out_loss": held_out["loss"],
        "before": before,
        "after": score(encoder.eval(), corpus, barcodes),
    }


def make_corpus(cut: Cut, training: int) -> Corpus:
    """Return a corpus of which only the first barcodes are trained on, or held out."""
    count = len(cut.lengths_B)
    return Corpus(
        codes=cut.codes,
        starts=np.cumsum(cut.lengths_B) - cut.lengths_B,
        lengths=cut.lengths_B,
        labels=np.full((count, len(LABELS)), -1, np.int32),
        held_out=np.arange(min(HELD_OUT, training // 2)),
        train=np.arange(min(HELD_OUT, training // 2), training),
        fingerprint="",
        summary={},
    )


def score(encoder: Encoder, corpus: Corpus, barcodes: Barcodes) -> dict[str, dict[str, float]]:
    """Return the fraction of the queries of each table with the correct name."""
    known, found = embed(encoder, corpus, barcodes.references), {}
    asking = {part: embed(encoder, corpus, rows) for part, rows in barcodes.queries.items()}
    whitening = Whitening.fit(known, known.shape[1])
    for kind, change in (("raw", lambda vectors: vectors), ("whitened", whitening.apply)):
        found[kind] = {}
        for part, rows in barcodes.queries.items():
            changed = (normalise(change(vectors)) for vectors in (known, asking[part]))
            _, closest = nearest(*changed, 1)
            column = RANKS.index(COLUMNS[part])
            wanted = [barcodes.lineages[row][column] for row in rows]
            named = [barcodes.lineages[barcodes.training + row][column] for row in closest[:, 0]]
            found[kind][part] = float(np.mean([a == b for a, b in zip(wanted, named, strict=True)]))
    return found


@torch.no_grad()
def embed(encoder: Encoder, corpus: Corpus, rows: range) -> np.ndarray:
    """Return the vectors of rows, with barcodes of similar length in a batch."""
    config = encoder.config
    order = np.array(rows)[np.argsort(corpus.lengths[np.array(rows)], kind="stable")]
    vectors = np.empty((len(rows), config.dimension), np.float32)
    for some in np.array_split(order, max(1, len(order) // BATCH)):
        tokens, positions, _ = cut_whole(corpus, some, config.tokenizer, config.max_tokens)
        vectors[some - rows.start] = encoder.embed(
            torch.from_numpy(tokens),
            torch.from_numpy(positions),
            padded=bool((tokens == PAD).any()),
        ).numpy()
    return vectors


def titles() -> list[str]:
    """Return the titles of the columns of `cells`."""
    return [f"{part.removeprefix('val_').replace('_', ' ')}: {r}" for part, r in COLUMNS.items()]


def cells(kind: str, runs: list[dict]) -> list[str]:
    """Return the scores of the runs, before and after training."""
    scores = [
        [spread([run[when][kind][part] for run in runs]) for when in ("before", "after")]
        for part in COLUMNS
    ]
    return [" → ".join(each) for each in scores]
