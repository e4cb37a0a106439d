"""Measure how well `classify --cluster-novel` groups queries of unknown species into units.

    python benchmarks/novel_units.py QUERIES... -i INDEX [-m MODEL]

Prints a Markdown table: for each table of queries, with a column `species`, the number of units and
the adjusted mutual information of units and species, for novel queries and for all queries, next to
those of `vsearch --cluster_fast --id 0.97` on the same queries. Needs scikit-learn and vsearch.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.novel_units import (
    CombinedSimilarity,
    find_units,
    fit_combined_similarity,
)
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.evaluation.protocols.clusters import (
    adjusted_mutual_information,
    check_scikit_learn,
)
from barcodeembed.index.model import open_with_model
from barcodeembed.sequences.reading import read_records


def vsearch_units(bases: Sequence[str]) -> np.ndarray:
    """Return the clusters of VSEARCH at 97 %, int (len(bases),)."""
    units = np.zeros(len(bases), int)
    with tempfile.TemporaryDirectory() as folder:
        fasta, table = Path(folder, "queries.fasta"), Path(folder, "clusters.uc")
        fasta.write_text("".join(f">{i}\n{one}\n" for i, one in enumerate(bases)))
        subprocess.run(
            ["vsearch", "--cluster_fast", fasta, "--id", "0.97", "--uc", table, "--quiet"],
            check=True,
        )
        for line in table.read_text().splitlines():
            kind, cluster, *_, query, _ = line.split("\t")
            if kind in "SH":
                units[int(query)] = int(cluster)
    return units


def print_row(
    name: str, found: list[Assignment], truth: list[str], measure: CombinedSimilarity
) -> None:
    """Print the row of a set of queries."""
    bases = [assignment.bases for assignment in found]
    began = time.perf_counter()
    units = find_units(bases, np.stack([assignment.vector for assignment in found]), measure)
    seconds = time.perf_counter() - began
    theirs = vsearch_units(bases)
    species = np.unique(truth, return_inverse=True)[1]
    cells = [len(found), len(set(truth))]
    for labels in (units, theirs):
        cells += [len(set(labels.tolist())), f"{adjusted_mutual_information(species, labels):.3f}"]
    print(f"| {name} |", " | ".join(map(str, cells)), f"| {seconds:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("queries", nargs="+", type=Path)
    parser.add_argument("-i", "--index", required=True, type=Path)
    parser.add_argument("-m", "--model", type=Path)
    asked = parser.parse_args()
    check_scikit_learn()
    index, embedder = open_with_model(asked.index, asked.model)
    classifier = Classifier(index, embedder)
    measure = fit_combined_similarity(index)
    print(f"{measure}\n")
    print("| queries | number | species | units | AMI | VSEARCH: units | AMI | seconds |")
    print("|", " | ".join(["---"] * 8), "|")
    for path in asked.queries:
        records = [record for record in read_records(path) if record.fields.get("species")]
        pairs = [
            (assignment, record.fields["species"])
            for assignment, record in zip(classifier.classify(records), records, strict=True)
            if assignment.vector is not None
        ]
        novel = [pair for pair in pairs if pair[0].status == "novel"]
        for kind, chosen in (("novel", novel), ("all", pairs)):
            found, truth = map(list, zip(*chosen, strict=True))
            print_row(f"{path.name.split('.')[0]}, {kind}", found, truth, measure)


if __name__ == "__main__":
    main()
