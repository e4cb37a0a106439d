"""``barcodeembed classify``: queries in, one row of names each out."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barcodeembed.cli import options
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import listed, warn_of_input, watch

if TYPE_CHECKING:
    from barcodeembed.taxonomy.taxa import Taxa

_PLURALS = {"species": "species", "genus": "genera", "order": "orders"}


def _genetic_code(text: str) -> str:
    from barcodeembed.classify.genetic_codes import parse_code

    try:
        parse_code(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def classify(
    reads: Annotated[str, typer.Argument(metavar="READS", help="Sequence file, or - for stdin.")],
    index: Annotated[
        Path | None,
        typer.Option(
            "-i",
            "--index",
            metavar="NAME.bix",
            show_default="the COI prototypes that ship with barcodeembed",
            help="Index, made by `barcodeembed index build`.",
        ),
    ] = None,
    model: options.IndexModel = None,
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="FILE", help="TSV; .gz, .bz2 or .xz compresses."),
    ] = "-",
    hits: Annotated[
        Path | None,
        typer.Option("--hits", metavar="FILE", help="Also write every neighbour of every query."),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence",
            min=0,
            max=1,
            metavar="P",
            show_default=options.MIN_CONFIDENCE,
            help="A rank of less confidence is NA; 0 shows the best guess everywhere.",
        ),
    ] = None,
    max_error: Annotated[
        float | None,
        typer.Option(
            "--max-error",
            min=0,
            max=1,
            metavar="P",
            help="Name as many as may be with so small a share wrong at each rank, instead.",
        ),
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
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write what the run was as JSON: versions, thresholds, counts, times.",
        ),
    ] = None,
    genetic_code: Annotated[
        str,
        typer.Option(
            "--genetic-code",
            metavar="N",
            callback=_genetic_code,
            help="NCBI's table that codons are read by; auto: by the taxon named; none: not read. "
            "For the flags alone.",
        ),
    ] = "5",
    check_chimeras: Annotated[
        bool,
        typer.Option(
            "--check-chimeras",
            help="Look up both halves of each query too, and flag those of two families; takes about "
            "twice the time.",
        ),
    ] = False,
    cluster_novel: Annotated[
        bool,
        typer.Option(
            "--cluster-novel",
            help="Put novel queries into units, in a last column novel_unit; no row is written before "
            "all queries are read.",
        ),
    ] = False,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    batch_size: options.BatchSize = 2_048,
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Name barcodes by their nearest references; one row per record, in order.

    \b
    Examples:
      barcodeembed classify reads.fasta > names.tsv
      barcodeembed classify reads.fasta -i references.bix > names.tsv
      zcat reads.fq.gz | barcodeembed classify - -i references.bix | head
      barcodeembed classify reads.fasta -i references.bix -o names.tsv.gz --hits hits.tsv
      barcodeembed classify reads.fasta --max-error 0.05 --json run.json > names.tsv

    \b
    Columns: query_id, status, novel_rank, rank, taxon, confidence,
      one per rank of the reference, <rank>_confidence for each,
      nearest_id, similarity (cosine), identity (percent), strand, length, flags,
      overlap (columns of the alignment that identity is of),
      and with --cluster-novel novel_unit (novel_0001, ...).
    Status: assigned (named at the lowest rank), ambiguous (the evidence does not decide between
      taxa), novel (new to the reference at novel_rank), unclassifiable (the reason is in flags).
    Flags that never change a name: stop_codon, frameshift, pseudogene (likely), chimera (likely),
      non_target (nothing like the marker).
    Missing is NA.
    """
    options.refuse_overwriting([output, hits, json], [reads, index])
    from json import dumps
    from time import perf_counter

    from barcodeembed.bundles.files import open_output
    from barcodeembed.classify.genetic_codes import parse_code
    from barcodeembed.classify.novel_units import NovelUnits
    from barcodeembed.classify.pipeline import Classifier
    from barcodeembed.classify.rows import hit_rows, row
    from barcodeembed.classify.run import Tally, describe_run
    from barcodeembed.index.model import open_with_model
    from barcodeembed.sequences.reading import read_records
    from barcodeembed.shipped import shipped_index
    from barcodeembed.vocabulary import HIT_COLUMNS, NA, NOVEL_UNIT, columns

    options.use_threads(threads)
    began = perf_counter()
    path = index or shipped_index()
    opened, embedder = open_with_model(path, model, device=device, verify=not no_verify)
    classifier = Classifier(
        opened,
        embedder,
        neighbours=top_k,
        temperature=temperature,
        min_confidence=min_confidence,
        max_error=max_error,
        genetic_code=parse_code(genetic_code),
        check_chimeras=check_chimeras,
    )
    if index is None:
        console.say(_coverage(opened.taxa))
    ranks = opened.taxa.ranks
    unnamed = [
        rank
        for rank, least in zip(ranks, classifier.confidence_threshold, strict=True)
        if least > 1
    ]
    if unnamed:
        console.warn(f"--max-error {max_error:g}: no name is sure enough at {', '.join(unnamed)}")
    counts: Counter[str] = Counter()
    tally, ready = Tally(), perf_counter()
    units, held = NovelUnits(), []
    with ExitStack() as stack:
        table = stack.enter_context(open_output(output))
        hit_table = stack.enter_context(open_output(hits)) if hits else None
        told = stack.enter_context(console.progress("classifying", output=output))
        print(*columns(ranks), *[NOVEL_UNIT] * cluster_novel, sep="\t", file=table)
        if hit_table:
            print(*HIT_COLUMNS, sep="\t", file=hit_table)
        records = watch(read_records(reads, encoding=encoding), counts)
        for assignment in classifier.classify(records, batch_size=batch_size):
            if cluster_novel:
                units.add(assignment)
                held.append(row(assignment, ranks))
            else:
                print(*row(assignment, ranks), sep="\t", file=table)
            if hit_table:
                for cells in hit_rows(assignment, classifier):
                    print(*cells, sep="\t", file=hit_table)
            tally.add(assignment)
            told(tally.statuses.total())
        for cells, unit in zip(held, units.names(opened), strict=True):
            print(*cells, unit or NA, sep="\t", file=table)
    warn_of_input(counts, reads)
    if counts["records"]:
        console.say(f"{counts['records']:,} records: {listed(tally.statuses)}")
    if json:
        described = describe_run(
            classifier,
            path,
            tally,
            source=reads,
            max_error=max_error,
            warnings=console.warnings,
            seconds={"opening": ready - began, "classifying": perf_counter() - ready},
        )
        with open_output(json) as stream:
            stream.write(dumps(described, indent=2) + "\n")


def _coverage(taxa: Taxa) -> str:
    """Tell what the prototypes that ship know, so that nobody takes their silence for a finding."""
    counts = {rank: len(names) for rank, names in zip(taxa.ranks, taxa.names, strict=True)}
    told = ", ".join(
        f"{counts[rank]:,} {many}" for rank, many in _PLURALS.items() if rank in counts
    )
    return (
        f"no --index: the prototypes that ship with barcodeembed know {told}; "
        "what is missing from them comes out as novel"
    )
