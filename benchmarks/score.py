"""Score a model by its nearest references, its vectors as they are and whitened.

    python benchmarks/score.py MODEL REFERENCES QUERIES... [--whiten 64] [--json FILE]

The figures are those of ``barcodeembed evaluate``; each barcode is embedded once for both.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.devices import set_threads
from barcodeembed.embedding import load_embedder
from barcodeembed.evaluation.predictions import classify_queries
from barcodeembed.evaluation.queries import sort_queries
from barcodeembed.evaluation.report import evaluate_method
from barcodeembed.index.build import build_index
from barcodeembed.taxonomy.references import chain_labelled, read_labelled


class Remembering:
    """An embedder that embeds each sequence once."""

    def __init__(self, embedder) -> None:
        self.embedder, self.vectors = embedder, {}

    def __getattr__(self, name):
        return getattr(self.embedder, name)

    def embed(self, sequences):
        new = [s for s in dict.fromkeys(sequences) if s not in self.vectors]
        if new:
            self.vectors.update(zip(new, self.embedder.embed(new), strict=True))
        return np.array([self.vectors[s] for s in sequences]).reshape(-1, self.embedder.dimension)


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
    embedder = Remembering(load_embedder(asked.model))
    found = {}
    for kind, width in (("raw", 0), ("whitened", asked.whiten)):
        index, _ = build_index(read_labelled(asked.references), embedder, whiten=width)
        queries = sort_queries(chain_labelled(asked.queries), index.taxa)
        classifier = Classifier(index, embedder, min_confidence=0.0)
        nearest, _, _ = classify_queries(classifier, queries, 1_024)
        found[kind] = evaluate_method(nearest, queries)
        print(kind, json.dumps(found[kind]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
