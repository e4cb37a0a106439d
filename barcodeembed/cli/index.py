"""``barcodeembed index``: the group, and ``build``: labelled references in, a bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli import index_audit, index_edit, options
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import lowest_taxa, tell_format, warn_of_build

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
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="NAME.bix", help="Index bundle to write.")
    ],
    model: options.Model = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(
            "--taxonomy",
            metavar="FILE",
            help="Lineages of a FASTA by id: rank columns, id<TAB>k__..;p__.. or A;B;.., or taxids.",
        ),
    ] = None,
    taxdump: options.Taxdump = None,
    whiten: Annotated[
        int | None,
        typer.Option(
            "--whiten",
            min=0,
            metavar="N",
            show_default="64; 0 for a model that pools by place",
            help="Whiten the vectors, fitted on the references: directions kept; 0 for none.",
        ),
    ] = None,
    prototypes: Annotated[
        str | None,
        typer.Option(
            "--prototypes",
            metavar="NAME",
            help="Keep a mean vector for each species or bin, and no sequences or ids.",
        ),
    ] = None,
    without_model: Annotated[
        bool,
        typer.Option(
            "--without-model",
            help="Leave the model out; classify then needs --model, unless it is the one that ships.",
        ),
    ] = False,
    coverage: options.Coverage = None,
    allow_missing: options.AllowMissing = False,
    on_conflict: options.OnConflict = "majority",
    read_errors: Annotated[
        float,
        typer.Option(
            "--read-errors",
            min=0,
            max=0.2,
            metavar="P",
            help="Share of wrong bases in the reads that will be named, as 0.01: it learns how near is "
            "near enough from barcodes with as many.",
        ),
    ] = 0.0,
    min_length: options.MinBases = 100,
    offsets: options.Offsets = 1,
    precision: options.Precision = "fp32",
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    seed: options.Seed = 0,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Embed named barcodes and learn from them how near is near enough.

    Lineages come from --taxonomy, rank columns (BOLD, BIOSCAN-5M, any TSV or CSV) or headers
    (SINTAX, UNITE, RDP, DADA2, MIDORI2); the format is recognised, and told. FASTA and taxonomy may
    each be a .qza. Identical barcodes share a vector. The bundle holds a copy of the model unless
    --without-model. --prototypes makes it small enough to pass on.

    \b
    Examples:
      barcodeembed index build references.tsv.gz -o references.bix
      barcodeembed index build references.fasta --taxonomy names.tsv -m model -o references.bix
      barcodeembed index build seqs.qza --taxonomy taxonomy.qza -m model -o references.bix
      barcodeembed index build genbank.fasta --taxonomy acc2taxid --taxdump taxdump.tar.gz -o gb.bix
      barcodeembed index build references.tsv.gz -m model --prototypes species -o small.bix
    """
    options.refuse_overwriting([output], [references, taxonomy, taxdump, model])
    options.check_taxdump(taxdump, taxonomy)
    if prototypes is not None:
        options.check_choice("--prototypes", prototypes, ("species", "bin"))
    from barcodeembed.bundles.directories import refuse_directory
    from barcodeembed.embedding.embedder import Embedder
    from barcodeembed.index.build import build_index
    from barcodeembed.index.bundle import KIND
    from barcodeembed.shipped import shipped_model
    from barcodeembed.taxonomy.references import read_labelled
    from barcodeembed.vectors.whitening import usual_width

    refuse_directory(output, KIND)
    model = model or shipped_model()
    options.use_threads(threads)
    embedder = Embedder.load(model, device=device, precision=precision, offsets=offsets)
    if whiten is None:
        whiten = usual_width(embedder.model.config.pooling)
    labelled = read_labelled(
        references,
        taxonomy=taxonomy,
        taxdump=taxdump,
        encoding=encoding,
        allow_missing=allow_missing,
        recognised=tell_format,
    )
    with console.progress("embedding references") as told:
        index, report = build_index(
            labelled,
            embedder,
            whiten=whiten,
            min_bases=min_length,
            on_conflict=on_conflict,
            prototypes=prototypes,
            read_errors=read_errors,
            seed=seed,
            progress=told,
        )
    if coverage:
        index.settings["coverage"] = coverage
    index.save(output, None if without_model else model)
    warn_of_build(report, references)
    if report.reverse_complemented:
        console.say(
            f"{report.reverse_complemented:,} references were reverse complements and were turned"
        )
    made = f", {len(index.vectors):,} prototypes" if prototypes else ""
    console.say(
        f"{output}: {report.used:,} references, {report.distinct:,} distinct barcodes, "
        f"{lowest_taxa(index)}{made}"
    )


app.command("add")(index_edit.add)
app.command("merge")(index_edit.merge)
app.command("subset")(index_edit.subset)
app.command("audit")(index_audit.audit)
