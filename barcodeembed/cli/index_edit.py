"""``barcodeembed index add``, ``merge`` and ``subset``: indexes in, an index bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barcodeembed.cli import options
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import lowest_taxa, tell_format, warn_of_build

if TYPE_CHECKING:
    from barcodeembed.embedding.embedder import Embedder
    from barcodeembed.index.bundle import ReferenceIndex
    from barcodeembed.index.collect import BuildReport

_Output = Annotated[
    Path, typer.Option("-o", "--output", metavar="NEW.bix", help="Index bundle to write.")
]


def add(
    index: options.Index,
    references: options.References,
    output: _Output,
    taxonomy: Annotated[
        Path | None,
        typer.Option(
            "--taxonomy",
            metavar="FILE",
            help="Lineages of a FASTA: TSV or CSV with rank columns, or id<TAB>k__..;p__...",
        ),
    ] = None,
    model: options.IndexModel = None,
    allow_missing: options.AllowMissing = False,
    on_conflict: options.OnConflict = "majority",
    coverage: options.Coverage = None,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Make an index of an index's records and more; only new barcodes are embedded.

    What the index learnt from its references is learnt again from all of them. An index whose
    vectors are whitened, or of prototypes, cannot be added to.

    \b
    Examples:
      barcodeembed index add references.bix more.tsv -o new.bix
      barcodeembed index add references.bix more.fasta --taxonomy names.tsv -o new.bix
    """
    options.refuse_overwriting([output], [index, references, taxonomy, model])
    from barcodeembed.index.edit import add_records, refuse_unchangeable
    from barcodeembed.taxonomy.references import read_labelled

    (old,) = _open([index], output, threads, no_verify)
    refuse_unchangeable({str(index): old})
    embedder = _embedder([index], old, model, device, no_verify)
    labelled = read_labelled(
        references,
        taxonomy=taxonomy,
        encoding=encoding,
        allow_missing=allow_missing,
        recognised=tell_format,
    )
    with console.progress("embedding new references") as told:
        new, report = add_records(old, labelled, embedder, on_conflict=on_conflict, progress=told)
    _save(output, new, coverage, [index])
    _tell(output, new, report)


def merge(
    indexes: Annotated[
        list[Path], typer.Argument(metavar="NAME.bix...", help="Indexes of one model, two or more.")
    ],
    output: _Output,
    model: options.IndexModel = None,
    on_conflict: options.OnConflict = "majority",
    coverage: options.Coverage = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Make one index of several; nothing is embedded again.

    What an index learns from its references is learnt from all of them. Indexes whose vectors are
    whitened, or of prototypes, cannot be merged.

    \b
    Examples:
      barcodeembed index merge insects.bix spiders.bix -o arthropods.bix
    """
    if len(indexes) < 2:
        raise typer.BadParameter("give two indexes or more", param_hint="NAME.bix")
    options.refuse_overwriting([output], [*indexes, model])
    from barcodeembed.index.edit import merge_indexes, refuse_different, refuse_unchangeable

    opened = _open(indexes, output, threads, no_verify)
    named = dict(zip(map(str, indexes), opened, strict=True))
    refuse_different(named)
    refuse_unchangeable(named)
    embedder = _embedder(indexes, opened[0], model, device, no_verify)
    with console.progress("embedding turned references") as told:
        new, report = merge_indexes(opened, embedder, on_conflict=on_conflict, progress=told)
    _save(output, new, coverage, indexes)
    _tell(output, new, report)


def subset(
    index: options.Index,
    output: _Output,
    taxon: Annotated[
        list[str] | None,
        typer.Option(
            "--taxon",
            metavar="NAME",
            show_default=False,
            help="Keep the records of this taxon, at whatever rank; RANK:NAME where several have it. "
            "May be repeated.",
        ),
    ] = None,
    country: Annotated[
        list[str] | None,
        typer.Option(
            "--country",
            metavar="TEXT",
            show_default=False,
            help="Keep the records from this country or ocean. May be repeated.",
        ),
    ] = None,
    model: options.IndexModel = None,
    coverage: options.Coverage = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Make an index of some of an index's records; nothing is embedded again.

    With --taxon and --country a record must have one of each. What the index learnt from its
    references is learnt again from those that are kept; an index of prototypes keeps what it has.

    \b
    Examples:
      barcodeembed index subset references.bix --taxon Insecta -o insects.bix
      barcodeembed index subset references.bix --taxon order:Diptera --country Canada -o some.bix
    """
    if not taxon and not country:
        raise typer.BadParameter("say what to keep: --taxon NAME, --country TEXT or both")
    options.refuse_overwriting([output], [index, model])
    from barcodeembed.errors import InputError
    from barcodeembed.index.edit import take_prototypes, take_records
    from barcodeembed.index.select import homonyms, of_countries, of_taxa

    (old,) = _open([index], output, threads, no_verify)
    chosen = of_taxa(old, taxon) if taxon else True
    for text in taxon or ():
        if homonyms(old.taxa, text) > 1:
            console.warn(
                f"--taxon: {text} is {homonyms(old.taxa, text)} taxa, of different "
                "phyla; all are kept"
            )
    if country:
        chosen = of_countries(old, country) & chosen
    if not chosen.any():
        raise InputError("no record of these taxa is from these countries", index)
    if old.sequences is None:
        new = take_prototypes(old, chosen)
    else:
        embedder = _embedder([index], old, model, device, no_verify)
        with console.progress("embedding turned references") as told:
            new = take_records(old, chosen, embedder, progress=told)
    _save(output, new, coverage, [index])
    what = "prototypes" if new.sequences is None else "references"
    console.say(
        f"{output}: {len(new.record_ids):,} of {len(old.record_ids):,} {what}, {lowest_taxa(new)}"
    )


def _open(
    paths: list[Path], output: Path, threads: int | None, no_verify: bool
) -> list[ReferenceIndex]:
    from barcodeembed.bundles.directories import refuse_directory
    from barcodeembed.index.bundle import KIND, ReferenceIndex

    refuse_directory(output, KIND)
    options.use_threads(threads)
    return [ReferenceIndex.open(path, verify=not no_verify) for path in paths]


def _embedder(
    paths: list[Path], index: ReferenceIndex, model: Path | None, device: str, no_verify: bool
) -> Embedder:
    """Open the model that made indexes; of several the first that holds a copy has it."""
    from barcodeembed.embedding.embedder import Embedder
    from barcodeembed.index.model import model_of

    return Embedder.load(
        model_of(_holder(paths) or paths[0], index, model),
        device=device,
        verify=not no_verify,
        **index.settings["embedding"],
    )


def _holder(paths: list[Path]) -> Path | None:
    from barcodeembed.index.bundle import MODEL

    return next((path for path in paths if (path / MODEL).is_dir()), None)


def _save(output: Path, index: ReferenceIndex, coverage: str | None, paths: list[Path]) -> None:
    """Write an index, with a copy of the model where one that it was made of has it."""
    from barcodeembed.index.bundle import MODEL

    index.settings.pop("coverage", None)  # what was said of other references
    if coverage:
        index.settings["coverage"] = coverage
    holder = _holder(paths)
    index.save(output, holder and holder / MODEL)


def _tell(output: Path, index: ReferenceIndex, report: BuildReport) -> None:
    warn_of_build(report)
    console.say(
        f"{output}: {report.used:,} references, {report.distinct:,} distinct barcodes, "
        f"{report.embedded:,} of them embedded now, {lowest_taxa(index)}"
    )
