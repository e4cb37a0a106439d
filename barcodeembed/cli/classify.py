"""``barcodeembed classify``: queries in, one row with names for each out."""

from __future__ import annotations

import typer

from barcodeembed.cli import classify_options, options, shard_options
from barcodeembed.cli.checks import refuse_commas
from barcodeembed.cli.classify_explain import check_explain, explain_query
from barcodeembed.cli.classify_samples import check_reads, find_controls, find_samples
from barcodeembed.cli.primer_options import ReadAmplicon
from barcodeembed.cli.threads import use_threads


def classify(
    context: typer.Context,
    reads: classify_options.Reads = None,
    samples: classify_options.Samples = None,
    index: classify_options.Index = None,
    marker: classify_options.Marker = None,
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
    exact: classify_options.Exact = False,
    amplicon: ReadAmplicon = None,
    primers: options.Primers = None,
    cluster_novel: classify_options.ClusterNovel = False,
    units: classify_options.Units = None,
    counts: classify_options.Counts = None,
    ids: classify_options.Ids = None,
    negative_control: classify_options.NegativeControl = None,
    explain: classify_options.Explain = None,
    shard: shard_options.Shard = None,
    resume: shard_options.Resume = False,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    batch_size: options.BatchSize = 2_048,
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    strict: options.Strict = False,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
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
      barcodeembed classify S1.fasta S2.fasta blank.fasta --negative-control blank > names.tsv
      barcodeembed classify asvs.fasta --counts counts.tsv > names.tsv
      barcodeembed classify reads.fasta -i references.bix --explain read_17
      barcodeembed classify reads.fasta --shard 2/8 --resume -o names.2.tsv
      barcodeembed classify reads.fasta --marker ITS2 > names.tsv

    \b
    Columns (NA is missing): query_id, status, novel_rank, rank, taxon, confidence,
      one per rank of the reference, <rank>_confidence for each,
      nearest_id, similarity (cosine), identity (percent), strand, length, flags,
      overlap (columns of the alignment that identity refers to),
      n_tied_taxa (species of the best hits, if they are equally good),
      start and end (of the part of the read that is of the marker; only this part is named),
      nearest_taxon and nearest_bin (of the closest reference; not the name of the read),
      taxon_id, only with --ids (of the taxon) or if the references have ids (of the closest one),
      sample and sequence_md5, with several samples; counts (S1=12;S2=3), with --counts;
      marker, only if no index is given (NA if the read is of none),
      and with --cluster-novel novel_unit (novel_0001, ...).
    Status: assigned (named at the lowest rank), ambiguous (no name at the lowest rank has enough
      confidence, or several species have the same barcode), novel (new to the reference at
      novel_rank), unclassifiable (see flags).
    Flags of a read that is unclassifiable: non_target (not of the marker), contaminant (human,
      bacteria or plant; it keeps its name if the index contains this taxon).
    Flag of a read of which a primer was cut off: primer.
    Flags that never change a name: stop_codon, frameshift, pseudogene (likely), chimera (likely),
      in_control (occurs in a negative control).
    """
    check_reads(reads, samples, counts)
    late = {"--cluster-novel": cluster_novel, "--units": units}
    parts = {"--shard": shard, "--resume": resume}
    check_explain(explain, {"--hits": hits, "--json": json, "--ids": ids, **late, **parts})
    shard_options.check_shard(
        output, shard, resume, hits, {**late, "--negative-control": negative_control}
    )
    options.check_primers(amplicon, primers)
    from barcodeembed.classify.counts import read_counts
    from barcodeembed.classify.genetic_codes import parse_code
    from barcodeembed.classify.unit_registry import UnitRegistry
    from barcodeembed.cli.classify_run import (
        Additions,
        Outputs,
        Request,
        name_reads,
        open_classifier,
    )
    from barcodeembed.taxonomy.identifiers import TaxonIds, read_ids

    outputs = [output, hits, json, units]
    refuse_commas([output, hits, units])
    options.refuse_overwriting(outputs, [index, counts, ids])
    options.refuse_overwriting([output, hits, json], [], no_clobber)
    sources = find_samples(reads, samples, outputs)
    counted = read_counts(counts) if counts else None
    controls = find_controls(negative_control, sources, counted)
    if units:
        options.claim_file(units)
    registry = UnitRegistry(units) if units else None
    identifiers = TaxonIds(read_ids(ids), ids) if ids else None
    processes = use_threads(threads)
    opened = open_classifier(
        index,
        marker,
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
        exact=exact,
        amplicon=amplicon,
        primers=primers,
    )
    opened.classifier.processes = processes
    if explain is not None:
        return explain_query(
            opened.classifier, sources, explain, output, encoding=encoding, batch_size=batch_size
        )
    request = Request(
        sources=sources,
        named=samples is not None or len(sources) > 1,
        outputs=Outputs(rows=output, hits=hits, json=json),
        added=Additions(
            counts=counted,
            ids=identifiers,
            controls=controls,
            registry=registry,
            cluster_novel=cluster_novel or units is not None,
        ),
        max_error=max_error,
        encoding=encoding,
        batch_size=batch_size,
    )
    name_reads(context, opened, request)
