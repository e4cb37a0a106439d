"""``barcodeembed evaluate``: labelled queries against a reference, and its peers beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from barcodeembed import vocabulary
from barcodeembed.cli import options
from barcodeembed.cli.console import console


def evaluate(
    reference: Annotated[
        Path,
        typer.Argument(
            metavar="REFERENCES|NAME.bix",
            help="Index, references to build one from, or a table with a column `split`.",
        ),
    ],
    queries: Annotated[
        list[str] | None,
        typer.Option(
            "--queries",
            metavar="FILE",
            help="Labelled queries: table or FASTA with lineages; repeatable.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "-m",
            "--model",
            metavar="MODEL",
            show_default=f"the index's own, or {options.SHIPPED_MODEL}",
            help="Model bundle, for references without an index.",
        ),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option("--taxonomy", metavar="FILE", help="Lineages of references and queries."),
    ] = None,
    taxdump: options.Taxdump = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            metavar="NAMES",
            help="By commas: open-world, and of the papers knn, probe, finetune, bins.",
        ),
    ] = vocabulary.OPEN_WORLD,
    deduplicate: Annotated[
        str,
        typer.Option(
            "--deduplicate",
            metavar="WHAT",
            help="Duplicates of train that the papers' protocols drop from queries: none, exact, "
            "or contained (parts of a longer one) too.",
        ),
    ] = "exact",
    finetune_epochs: Annotated[
        int,
        typer.Option(
            "--finetune-epochs", min=1, metavar="N", help="Epochs of the protocol finetune."
        ),
    ] = 35,
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="NAMES",
            help="Peers, by commas: kmer, vsearch, blastn (where installed), or none.",
        ),
    ] = "kmer",
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON.")
    ] = None,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Markdown tables.")
    ] = "-",
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample",
            min=1,
            metavar="N",
            help="Take at most N queries of each category, or split.",
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence",
            min=0,
            max=1,
            metavar="P",
            show_default=options.MIN_CONFIDENCE,
            help="As in classify.",
        ),
    ] = None,
    max_error: Annotated[
        float | None, typer.Option("--max-error", min=0, max=1, metavar="P", help="As in classify.")
    ] = None,
    top_k: Annotated[
        int, typer.Option("-k", "--top-k", min=1, metavar="K", help="Nearest references that vote.")
    ] = 10,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature",
            min=1e-6,
            metavar="T",
            show_default="the index's own",
            help="Of the vote's softmax weights.",
        ),
    ] = None,
    whiten: Annotated[
        int | None,
        typer.Option(
            "--whiten",
            min=0,
            metavar="N",
            show_default="as in index build",
            help="As in index build.",
        ),
    ] = None,
    offsets: options.Offsets = 1,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    batch_size: options.BatchSize = 2_048,
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
    The papers' protocols need no index: they take a table with its published splits, or give
    references and queries the same roles, and first count what the splits share.

    \b
    Examples:
      barcodeembed evaluate references.bix --queries test.tsv
      barcodeembed evaluate references.tsv -m model --queries a.tsv --queries b.tsv \\
        --against kmer,vsearch,blastn --json figures.json
      barcodeembed evaluate BIOSCAN_5M_Insect_Dataset_metadata.csv -m model \\
        --protocol knn,probe,bins
    """
    peers = [] if against == "none" else against.split(",")
    for peer in peers:
        options.check_choice("--against", peer, vocabulary.PEERS)
    options.check_choice("--deduplicate", deduplicate, vocabulary.DEDUPLICATE)
    queries = queries or []
    papers, open_world = _check_protocols(protocol, reference, queries)
    options.check_taxdump(taxdump, taxonomy)
    options.refuse_overwriting([output, json], [reference, *queries, taxonomy, taxdump, model])
    from json import dumps

    from barcodeembed.bundles.files import open_output
    from barcodeembed.evaluation.report import SCHEMA_VERSION, markdown
    from barcodeembed.taxonomy.references import read_labelled

    def read(paths: Iterable[str | Path]) -> Iterator:
        for path in paths:
            yield from read_labelled(
                path,
                taxonomy=taxonomy,
                taxdump=taxdump,
                encoding=encoding,
                allow_missing=taxonomy is not None,
            )

    used = options.use_threads(threads)
    report: dict = {"schema_version": SCHEMA_VERSION}
    if papers:
        report |= _papers(
            papers,
            reference,
            queries,
            read,
            model,
            offsets=offsets,
            device=device,
            verify=not no_verify,
            encoding=encoding,
            epochs=finetune_epochs,
            deduplicate=deduplicate,
            sample=sample,
            seed=seed,
        )
    if open_world:
        with _opened(
            reference,
            model,
            verify=not no_verify,
            taxonomy=taxonomy,
            taxdump=taxdump,
            # A taxonomy of references and queries lists ids that the references lack.
            allow_missing=taxonomy is not None,
            whiten=whiten,
            offsets=offsets,
            device=device,
            encoding=encoding,
            seed=seed,
            threads=threads,
        ) as (index, embedder):
            from barcodeembed.evaluation.open_world.run import evaluate_open_world

            report |= evaluate_open_world(
                index,
                embedder,
                read(queries),
                peers=peers,
                threads=used,
                sample=sample,
                min_confidence=min_confidence,
                max_error=max_error,
                neighbours=top_k,
                temperature=temperature,
                batch_size=batch_size,
                seed=seed,
                say=console.say,
                warn=console.warn,
            )
    if json:
        with open_output(json) as stream:
            stream.write(dumps(report, indent=2, sort_keys=True) + "\n")
    with open_output(output) as stream:
        stream.write(markdown(report))


def _check_protocols(protocol: str, reference: Path, queries: list[str]) -> tuple[list[str], bool]:
    """Return the papers' protocols that are asked for, and whether the open-world one is."""
    names = protocol.split(",")
    for name in names:
        options.check_choice("--protocol", name, vocabulary.PROTOCOLS)
    papers, open_world = (
        [name for name in names if name != vocabulary.OPEN_WORLD],
        vocabulary.OPEN_WORLD in names,
    )
    if open_world and not queries:
        raise typer.BadParameter("the protocol open-world needs --queries")
    if papers and reference.is_dir():
        raise typer.BadParameter(f"the protocol {papers[0]} needs records, not an index")
    if papers and open_world and "-" in (str(reference), *queries):
        raise typer.BadParameter("standard input can be read once, by open-world or by the others")
    return papers, open_world


def _papers(
    names: list[str],
    reference: Path,
    queries: list[str],
    read: Callable,
    model: Path | None,
    *,
    offsets: int,
    device: str,
    verify: bool,
    encoding: str,
    **settings,
) -> dict:
    """Run the papers' protocols on a table's own splits, or on references and queries."""
    from barcodeembed.embedding.embedder import Embedder
    from barcodeembed.evaluation.protocols.run import Settings, evaluate_protocols
    from barcodeembed.evaluation.protocols.splits import derive_splits, read_splits

    embedder = Embedder.load(model, device=device, verify=verify, offsets=offsets)
    if queries:
        splits = derive_splits(read([reference]), read(queries), max_bases=embedder.max_bases)
    else:
        splits = read_splits(reference, max_bases=embedder.max_bases, encoding=encoding)
    with console.progress("embedding") as progress:
        return evaluate_protocols(
            names, splits, embedder, Settings(**settings), say=console.say, progress=progress
        )


@contextmanager
def _opened(
    reference: Path, model: Path | None, *, verify: bool, device: str, **settings
) -> Iterator[tuple]:
    """Give an index and its embedder; the index of references is built for this run alone."""
    from barcodeembed.index.model import open_with_model

    with ExitStack() as stack:
        if not reference.is_dir():
            from barcodeembed.cli.index import build

            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="barcodeembed-"))
            path = Path(folder) / "references.bix"
            build(str(reference), path, model, device=device, **settings)
            reference = path
        yield open_with_model(reference, model, device=device, verify=verify)
