"""Score a model by the names of the closest references, without and with whitening.

    python benchmarks/score.py MODEL REFERENCES QUERIES... [--whiten 64] [--json FILE]

The measures are those of ``barcodeembed evaluate`` for "nearest reference". The index is not
calibrated, so that many models can be compared quickly, and each barcode is embedded only once.
MODEL is a bundle, or ``5-mers`` for k-mer counts instead of a model.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.vector_maker import encode_all
from barcodeembed.evaluation.open_world.figures import evaluate_method
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.evaluation.open_world.predictions import Predictions
from barcodeembed.evaluation.queries import sort_queries
from barcodeembed.model.devices import set_threads
from barcodeembed.sequences.cleaning import clean
from barcodeembed.taxonomy.references import chain_labelled
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.search import nearest
from barcodeembed.vectors.whitening import Whitening


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("references", type=Path)
    parser.add_argument("queries", nargs="+", type=Path)
    parser.add_argument("--whiten", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    set_threads(asked.threads)
    embedder = KmerCounter(5) if str(asked.model) == "5-mers" else Embedder.load(asked.model)
    records, lineages = zip(*chain_labelled([asked.references]), strict=True)
    queries = sort_queries(chain_labelled(asked.queries), Taxa.of(sorted(set(lineages), key=str)))

    def quiet(done: int, total: int) -> None: ...

    began = time.perf_counter()
    references, asking = (
        encode_all(embedder, [clean(r, max_bases=embedder.max_bases).bases for r in some], quiet)
        for some in (records, queries.records)
    )
    seconds = time.perf_counter() - began
    whitening = Whitening.fit(references, asked.whiten)
    found = {"embedding_seconds": round(seconds, 1)}
    for kind, change in (("raw", lambda vectors: vectors), ("whitened", whitening.apply)):
        scores, rows = nearest(normalise(change(references)), normalise(change(asking)), 1)
        names = [lineages[row] for row in rows[:, 0]]
        found[kind] = evaluate_method(Predictions(kind, names, scores[:, 0], seconds), queries)
        print(kind, json.dumps(found[kind]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
