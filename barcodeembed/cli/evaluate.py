"""``barcodeembed evaluate``: labelled queries against a reference, and its peers beside it."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli import options
from barcodeembed.cli.console import console

_PEERS = ("kmer", "vsearch", "blastn")


def evaluate(
    reference: Annotated[Path, typer.Argument(
        metavar="REFERENCES|NAME.bix", help="Index, or references to build one from.")],
    queries: Annotated[list[str], typer.Option(
        "--queries", metavar="FILE", help="Labelled queries: table or SINTAX FASTA; repeatable.")],
    model: Annotated[Path | None, typer.Option(
        "-m", "--model", metavar="MODEL", help="Model bundle, for references without an index.",
    )] = None,
    taxonomy: Annotated[Path | None, typer.Option(
        "--taxonomy", metavar="FILE", help="Lineages of references and queries.")] = None,
    against: Annotated[str, typer.Option(
        "--against", metavar="NAMES",
        help="Peers, by commas: kmer, vsearch, blastn (where installed), or none.")] = "kmer",
    json: Annotated[Path | None, typer.Option(
        "--json", metavar="FILE", help="Write the figures as JSON.")] = None,
    output: Annotated[str, typer.Option(
        "-o", "--output", metavar="FILE", help="Markdown tables.")] = "-",
    sample: Annotated[int | None, typer.Option(
        "--sample", min=1, metavar="N", help="Take at most N queries of each category.")] = None,
    min_confidence: Annotated[float, typer.Option(
        "--min-confidence", min=0, max=1, metavar="P", help="As in classify.")] = 0.5,
    top_k: Annotated[int, typer.Option(
        "-k", "--top-k", min=1, metavar="K", help="Nearest references that vote.")] = 10,
    temperature: Annotated[float | None, typer.Option(
        "--temperature", min=1e-6, metavar="T", show_default="the index's own",
        help="Of the vote's softmax weights.")] = None,
    whiten: Annotated[int, typer.Option(
        "--whiten", min=0, metavar="N", help="As in index build.")] = 64,
    offsets: options.Offsets = 1,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    batch_size: options.BatchSize = 1_024,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Measure how right the names are, in the closed and in the open world.

    A query is seen (the reference has its species), of an unseen species (only its genus) or of
    an unseen genus (only its family). Accuracy of each, novelty AUROC of the top similarity,
    calibration error, queries per second; peers get the same references, queries and threads.

    \b
    Examples:
      barcodeembed evaluate references.bix --queries test.tsv
      barcodeembed evaluate references.tsv -m model --queries a.tsv --queries b.tsv \\
        --against kmer,vsearch,blastn --json figures.json
    """
    peers = [] if against == "none" else against.split(",")
    for peer in peers:
        options.check_choice("--against", peer, _PEERS)
    options.refuse_overwriting([output, json], [reference, *queries, taxonomy, model])
    from json import dumps

    from barcodeembed.classify.pipeline import Classifier
    from barcodeembed.embedding import load_embedder
    from barcodeembed.evaluation.aligners import PEERS
    from barcodeembed.evaluation.predictions import classify_queries, nearest_by_kmers
    from barcodeembed.evaluation.queries import CATEGORIES, sort_queries
    from barcodeembed.evaluation.report import (
        SCHEMA_VERSION,
        evaluate_decisions,
        evaluate_method,
        markdown,
    )
    from barcodeembed.files import open_output
    from barcodeembed.index.bundle import MODEL, open_index
    from barcodeembed.taxonomy.references import read_labelled

    used = options.use_threads(threads)
    with ExitStack() as stack:
        if not reference.is_dir():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="barcodeembed-"))
            reference = _index(
                reference, Path(folder), model, taxonomy=taxonomy, whiten=whiten,
                offsets=offsets, device=device, encoding=encoding, seed=seed, threads=threads,
            )  # fmt: skip
        index = open_index(reference, verify=not no_verify)
        embedder = load_embedder(
            model or reference / MODEL, device=device, verify=not no_verify,
            **index.settings["embedding"],
        )
        labelled = (
            query for path in queries
            for query in read_labelled(path, taxonomy=taxonomy, encoding=encoding,
                                       allow_missing=taxonomy is not None)
        )  # fmt: skip
        chosen = sort_queries(labelled, index.taxa, sample=sample, seed=seed)
        if not set(chosen.categories) & set(CATEGORIES):
            console.warn("no query shares a genus or family with the reference: do their lineages "
                         "name the same ranks in the same spelling?")
        classifier = Classifier(
            index, embedder, neighbours=top_k, temperature=temperature, min_confidence=0.0
        )
        nearest, best, assignments = classify_queries(classifier, chosen, batch_size)
        methods = [nearest, best]
        for peer in peers:
            console.say(f"running {peer}")
            if peer == "kmer":
                methods.append(nearest_by_kmers(index, chosen))
            else:
                methods += PEERS[peer](index, chosen, used)
        report = {
            "schema_version": SCHEMA_VERSION,
            "references": len(index.vectors),
            "queries": dict(Counter(chosen.categories)),
            "threads": used,
            "min_confidence": min_confidence,
            "methods": [evaluate_method(method, chosen) for method in methods],
            "decisions": evaluate_decisions(best, assignments, chosen, min_confidence),
        }
        if json:
            with open_output(json) as stream:
                stream.write(dumps(report, indent=2, sort_keys=True) + "\n")
        with open_output(output) as stream:
            stream.write(markdown(report))


def _index(reference: Path, folder: Path, model: Path | None, **settings) -> Path:
    """Build an index of the references for this evaluation alone."""
    from barcodeembed.cli.index import build

    if model is None:
        raise typer.BadParameter("references that are no index need --model")
    path = folder / "references.bix"
    build(str(reference), model, path, **settings)
    return path
