"""``barcodeembed evaluate``: labelled queries and references in, tables of figures out."""

from __future__ import annotations

import typer

from barcodeembed import vocabulary
from barcodeembed.cli import evaluate_options, options
from barcodeembed.cli.console import console


def evaluate(
    reference: evaluate_options.Reference,
    queries: evaluate_options.Queries = None,
    model: evaluate_options.Model = None,
    taxonomy: evaluate_options.Taxonomy = None,
    taxdump: options.Taxdump = None,
    protocol: evaluate_options.Protocol = vocabulary.OPEN_WORLD,
    deduplicate: evaluate_options.Deduplicate = "exact",
    finetune_epochs: evaluate_options.FinetuneEpochs = 35,
    against: evaluate_options.Against = "kmer",
    json: evaluate_options.Json = None,
    output: evaluate_options.Output = "-",
    sample: evaluate_options.Sample = None,
    min_confidence: evaluate_options.MinConfidence = None,
    max_error: evaluate_options.MaxError = None,
    top_k: evaluate_options.TopK = vocabulary.NEIGHBOURS,
    temperature: evaluate_options.Temperature = None,
    whiten: evaluate_options.Whiten = None,
    offsets: options.IndexOffsets = None,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    batch_size: options.BatchSize = vocabulary.BATCH_SIZE,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Measure how often names are correct, on queries whose true names are known.

    Each query is "seen" (its species is in the reference), of an "unseen species" (only its genus
    is) or of an "unseen genus" (only its family is). Reported are the accuracy for each of these,
    how well novel queries are recognised (AUROC), the calibration error, and the speed. The
    methods of --against get the same references, queries and threads.

    The other protocols are those of the BarcodeBERT and BarcodeMAE papers. They need no index: give
    a table with its published splits, or references and queries. They first count the duplicates
    between splits.

    \b
    Examples:
      barcodeembed evaluate references.bix --queries test.tsv
      barcodeembed evaluate references.tsv -m model --queries a.tsv --queries b.tsv \\
        --against kmer,vsearch,blastn --json figures.json
      barcodeembed evaluate BIOSCAN_5M_Insect_Dataset_metadata.csv -m model \\
        --protocol knn,probe,bins
    """
    protocols, methods = protocol.split(","), [] if against == "none" else against.split(",")
    for option, names, choices in (
        ("--protocol", protocols, vocabulary.PROTOCOLS),
        ("--against", methods, vocabulary.PEERS),
        ("--deduplicate", [deduplicate], vocabulary.DEDUPLICATE),
    ):
        for name in names:
            options.check_choice(option, name, choices)
    options.check_taxdump(taxdump, taxonomy)
    queries = queries or []
    options.refuse_overwriting(
        [output, json], [reference, *queries, taxonomy, taxdump, model], no_clobber
    )
    from barcodeembed.bundles.files import replace_together
    from barcodeembed.errors import InputError
    from barcodeembed.evaluation import run

    index, references = (reference, None) if reference.is_dir() else (None, reference)
    try:
        run.check(protocols, methods, deduplicate, queries, index=index, references=references)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
    with console.progress("embedding") as progress:
        result = run.evaluate(
            queries,
            index=index,
            references=references,
            model=model,
            taxonomy=taxonomy,
            taxdump=taxdump,
            protocols=protocols,
            against=methods,
            deduplicate=deduplicate,
            finetune_epochs=finetune_epochs,
            sample=sample,
            min_confidence=min_confidence,
            max_error=max_error,
            neighbours=top_k,
            temperature=temperature,
            whiten=whiten,
            offsets=offsets,
            device=device,
            encoding=encoding,
            batch_size=batch_size,
            seed=seed,
            threads=options.use_threads(threads),
            verify=not no_verify,
            say=console.say,
            warn=console.warn,
            progress=progress,
        )
    with replace_together() as group:
        group.text(output).write(result.to_markdown())
        if json:
            group.text(json).write(result.to_json())
