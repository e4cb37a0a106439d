"""``barcodeembed classify``: queries in, one row with names for each out."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import typer

from barcodeembed.cli import classify_options, options, shard_options
from barcodeembed.cli.checks import refuse_overwriting
from barcodeembed.cli.classify_messages import (
    describe_coverage,
    describe_errors,
    warn_of_ranks_without_names,
)
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import listed, warn_of_input, watch
from barcodeembed.cli.primer_options import ReadAmplicon
from barcodeembed.cli.threads import use_threads


def classify(
    context: typer.Context,
    reads: options.Reads,
    index: classify_options.Index = None,
    model: options.IndexModel = None,
    output: classify_options.Output = "-",
    hits: classify_options.Hits = None,
    min_confidence: classify_options.MinConfidence = None,
    max_error: classify_options.MaxError = None,
    read_errors: classify_options.ReadErrors = None,
    top_k: classify_options.TopK = 10,
    temperature: classify_options.Temperature = None,
    json: classify_options.Json = None,
    genetic_code: classify_options.GeneticCode = "5",
    check_chimeras: classify_options.CheckChimeras = False,
    amplicon: ReadAmplicon = None,
    primers: options.Primers = None,
    cluster_novel: classify_options.ClusterNovel = False,
    shard: shard_options.Shard = None,
    resume: shard_options.Resume = False,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    batch_size: options.BatchSize = 2_048,
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Name barcodes by their closest references; one row per record, in order.

    \b
    Examples:
      barcodeembed classify reads.fasta > names.tsv
      barcodeembed classify reads.fasta -i references.bix > names.tsv
      zcat reads.fq.gz | barcodeembed classify - -i references.bix | head
      barcodeembed classify reads.fasta -i references.bix -o names.tsv.gz --hits hits.tsv
      barcodeembed classify reads.fasta --max-error 0.05 --json run.json > names.tsv
      barcodeembed classify reads.fasta --amplicon leray > names.tsv
      barcodeembed classify reads.fasta --shard 2/8 --resume -o names.2.tsv

    \b
    Columns: query_id, status, novel_rank, rank, taxon, confidence,
      one per rank of the reference, <rank>_confidence for each,
      nearest_id, similarity (cosine), identity (percent), strand, length, flags,
      overlap (columns of the alignment that identity refers to),
      n_tied_taxa (species of the best hits, if they are equally good),
      start and end (of the part of the read that is of the marker; only this part is named),
      taxon_id (of the closest reference), only if the references have ids of taxa,
      and with --cluster-novel novel_unit (novel_0001, ...).
    Status: assigned (named at the lowest rank), ambiguous (no name at the lowest rank has enough
      confidence, or several species have the same barcode), novel (new to the reference at
      novel_rank), unclassifiable (see flags).
    Flags of a read that is unclassifiable: non_target (not of the marker), contaminant (human,
      bacteria or plant; it keeps its name if the index contains this taxon).
    Flag of a read of which a primer was cut off: primer.
    Flags that never change a name: stop_codon, frameshift, pseudogene (likely), chimera (likely).
    Missing values are NA.
    """
    refuse_overwriting([output, hits, json], [reads, index])
    options.check_primers(amplicon, primers)
    shard_options.check_shard(output, shard, resume, hits=hits, cluster_novel=cluster_novel)
    from json import dumps
    from time import perf_counter

    from barcodeembed.bundles.files import open_output
    from barcodeembed.classify.genetic_codes import parse_code
    from barcodeembed.classify.pipeline import Classifier
    from barcodeembed.classify.run import Tally, describe_run
    from barcodeembed.classify.tables import write_tables
    from barcodeembed.cli.work_tables import open_classification, open_tables
    from barcodeembed.sequences.reading import read_records
    from barcodeembed.shipped import shipped_index

    use_threads(threads)
    began = perf_counter()
    path = index or shipped_index()
    classifier = Classifier.load(
        path,
        model,
        device=device,
        verify=not no_verify,
        neighbours=top_k,
        temperature=temperature,
        min_confidence=min_confidence,
        max_error=max_error,
        read_errors=read_errors,
        genetic_code=parse_code(genetic_code),
        check_chimeras=check_chimeras,
        amplicon=amplicon,
        primers=primers,
    )
    if index is None:
        console.say(describe_coverage(classifier.index.taxa))
    warn_of_ranks_without_names(classifier, max_error)
    counts: Counter[str] = Counter()
    tally, ready = Tally(), perf_counter()
    with ExitStack() as stack:
        work = stack.enter_context(open_classification(context, classifier, path, tally))
        tables = stack.enter_context(open_tables(work, output, hits))
        progress = stack.enter_context(console.progress("classifying", output=output))
        records = work.watch(watch(read_records(reads, encoding=encoding), counts))
        assignments = classifier.classify(records, batch_size=batch_size, part=work.part)
        for assignment in write_tables(
            assignments, classifier, *tables, cluster_novel=cluster_novel, header=work.is_new
        ):
            tally.add(assignment)
            work.add(1)
            progress(tally.statuses.total())
    if classifier.found_amplicon:
        console.say(f"--amplicon auto: {classifier.found_amplicon}")
    errors = classifier.read_errors
    if errors and errors.rate >= 0.001:
        console.say(describe_errors(errors))
    warn_of_input(counts, reads)
    if counts["records"]:
        console.say(f"{work.of(counts['records'])} records: {listed(tally.statuses)}")
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
