"""``barcodeembed index``: the group of commands, and ``build``."""

from __future__ import annotations

import typer

from barcodeembed.cli import (
    build_options,
    index_add,
    index_audit,
    index_merge,
    index_options,
    index_subset,
    options,
    reading_options,
)
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import tell_format, warn_of_build
from barcodeembed.cli.primer_options import IndexAmplicon

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _index() -> None:
    """Build, change and check indexes of reference barcodes.

    \b
    Examples:
      barcodeembed index build references.tsv.gz -o references.bix
      barcodeembed index add references.bix more.tsv -o new.bix
      barcodeembed index merge insects.bix spiders.bix -o arthropods.bix
      barcodeembed index subset references.bix --taxon Insecta -o insects.bix
      barcodeembed index audit references.bix > findings.tsv
    """


@app.command("build")
def build(
    references: options.References,
    output: index_options.Output,
    model: options.Model = None,
    taxonomy: index_options.Taxonomy = None,
    taxdump: options.Taxdump = None,
    amplicon: IndexAmplicon = None,
    primers: options.Primers = None,
    whiten: index_options.Whiten = None,
    prototypes: index_options.Prototypes = None,
    search: build_options.Search = "auto",
    without_model: index_options.WithoutModel = False,
    coverage: options.Coverage = None,
    ranks: reading_options.Ranks = None,
    id_column: reading_options.IdColumn = None,
    sequence_column: reading_options.SequenceColumn = None,
    gene: reading_options.Gene = None,
    duplicate_ids: reading_options.DuplicateIds = "fail",
    json: index_options.Json = None,
    resume: build_options.Resume = False,
    allow_missing: options.AllowMissing = False,
    on_conflict: options.OnConflict = "majority",
    read_errors: index_options.ReadErrors = 0.0,
    min_length: build_options.MinBases = None,
    offsets: options.IndexOffsets = None,
    precision: options.Precision = "fp32",
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    seed: options.Seed = 0,
    threads: options.Threads = None,
    strict: options.Strict = False,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Build an index: embed named barcodes, and calibrate how similar is similar enough.

    Lineages come from --taxonomy, from rank columns (BOLD, BIOSCAN-5M, any TSV or CSV), from
    headers (SINTAX, UNITE, SILVA, RDP, DADA2, PR2, OBITools ...) or from a GenBank file. The format
    is recognised and reported. FASTA and taxonomy can each be a .qza. Identical barcodes share a
    vector. The index contains a copy of the model unless --without-model is given. --prototypes
    makes a small index that is easy to share.

    \b
    Examples:
      barcodeembed index build references.tsv.gz -o references.bix
      barcodeembed index build references.fasta --taxonomy names.tsv -m model -o references.bix
      barcodeembed index build seqs.qza --taxonomy taxonomy.qza -m model -o references.bix
      barcodeembed index build genbank.fasta --taxonomy acc2taxid --taxdump taxdump.tar.gz -o gb.bix
      barcodeembed index build references.tsv.gz -m model --prototypes species -o small.bix
      barcodeembed index build references.tsv.gz --amplicon leray -o leray.bix
      barcodeembed index build dada2.fasta --ranks phylum,class,order,family,genus -o short.bix
      barcodeembed index build mitogenomes.gb --gene COX1 -o coi.bix
    """
    options.refuse_overwriting([output, json], [references, taxonomy, taxdump, model], no_clobber)
    unusual = reading_options.reading(ranks, id_column, sequence_column, gene)
    options.check_taxdump(taxdump, taxonomy)
    options.check_primers(amplicon, primers)
    if prototypes is not None:
        options.check_choice("--prototypes", prototypes, ("species", "bin"))
    from barcodeembed.bundles.files import resolve_links
    from barcodeembed.embedding.embedder import Embedder
    from barcodeembed.index.build import build_index
    from barcodeembed.index.bundle import KIND
    from barcodeembed.index.collect import BuildReport
    from barcodeembed.taxonomy.references import read_labelled

    options.claim(output, KIND)
    options.use_threads(threads)
    embedder = Embedder.load(model, device=device, precision=precision, offsets=offsets)
    labelled = read_labelled(
        references,
        taxonomy=taxonomy,
        taxdump=taxdump,
        encoding=encoding,
        allow_missing=allow_missing,
        recognised=tell_format,
        **unusual,
    )
    report = BuildReport()
    build_options.tell_unfinished(output, resume)
    with console.steps() as steps:
        index = build_index(
            labelled,
            embedder,
            report=report,
            steps=steps,
            folder=resolve_links(output).parent,
            resume=output if resume else None,
            whiten=whiten,
            min_bases=min_length,
            duplicate_ids=duplicate_ids,
            on_conflict=on_conflict,
            prototypes=prototypes,
            amplicon=amplicon,
            primers=primers,
            read_errors=read_errors,
            search=search,
            seed=seed,
        )
    index = index.with_coverage(coverage or None)
    warn_of_build(report, references)
    index_options.remove_json(json)
    with console.progress("writing the index"):
        index.save(output, None if without_model else embedder.path)
    build_options.remove_unfinished(output, resume)
    index_options.describe_built(output, index, report)
    if json:
        index_options.write_json(json, references, output, report)


app.command("add")(index_add.add)
app.command("merge")(index_merge.merge)
app.command("subset")(index_subset.subset)
app.command("audit")(index_audit.audit)
