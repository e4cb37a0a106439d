"""The actions. They start the command barcodeembed, which can be in another environment."""

import os
import subprocess

import pandas as pd
from q2_types.feature_data import DNAFASTAFormat, TSVTaxonomyFormat

from q2_barcodeembed.formats import (
    BarcodeIndexDirectoryFormat,
    BarcodeModelDirectoryFormat,
    BarcodeNamesDirectoryFormat,
)


def build(
    sequences: DNAFASTAFormat,
    taxonomy: TSVTaxonomyFormat,
    model: BarcodeModelDirectoryFormat = None,
    amplicon: str = None,
    prototypes: bool = False,
    threads: int = 1,
) -> BarcodeIndexDirectoryFormat:
    """Make an index of named barcodes."""
    index = BarcodeIndexDirectoryFormat()
    _run(
        *("index", "build", sequences, "--taxonomy", taxonomy, "-o", index, "--threads", threads),
        *_given("--model", model),
        *_given("--amplicon", amplicon),
        *_given("--prototypes", "species" if prototypes else None),
    )
    return index


def classify(
    reads: DNAFASTAFormat,
    index: BarcodeIndexDirectoryFormat = None,
    table: pd.DataFrame = None,
    marker: str = None,
    min_confidence: float = None,
    max_error: float = None,
    check_chimeras: bool = False,
    cluster_novel: bool = False,
    threads: int = 1,
) -> (TSVTaxonomyFormat, BarcodeNamesDirectoryFormat):
    """Name barcodes, or place those that are new."""
    taxonomy, names = TSVTaxonomyFormat(), BarcodeNamesDirectoryFormat()
    rows, run = names.path / "names.tsv", names.path / "run.json"
    counts = None
    if table is not None:
        counts = taxonomy.path.with_name("counts.tsv")
        table.T.to_csv(counts, sep="\t", index_label="#OTU ID")
    _run(
        *("classify", reads, "-o", rows, "--json", run, "--threads", threads),
        *_given("--index", index),
        *_given("--counts", counts),
        *_given("--marker", marker),
        *_given("--min-confidence", min_confidence),
        *_given("--max-error", max_error),
        *(["--check-chimeras"] if check_chimeras else []),
        *(["--cluster-novel"] if cluster_novel else []),
    )
    _run("report", rows, "--to", "qiime2", "-o", taxonomy)
    return taxonomy, names


def report(output_dir: str, names: BarcodeNamesDirectoryFormat, title: str = None) -> None:
    """Make the page of ``barcodeembed report``."""
    page = os.path.join(output_dir, "index.html")
    rows, run = names.path / "names.tsv", names.path / "run.json"
    _run("report", rows, "--to", "html", "--run", run, "-o", page, *_given("--title", title))


def _given(option, value) -> list:
    return [] if value is None else [option, value]


def _run(*words) -> None:
    """Run barcodeembed. Raises RuntimeError with its last message if it fails."""
    command = ["barcodeembed", *map(str, words)]
    print("Command:", *command, flush=True)
    # The Python of QIIME 2 can be another one than that of barcodeembed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError(
            "The command barcodeembed is not on the PATH. Install it, for example with: "
            "pipx install barcodeembed"
        ) from None
    print(done.stderr, flush=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2] or "barcodeembed failed")
