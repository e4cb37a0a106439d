"""``barcodeembed index add``: an index and more records in, a new index out."""

from __future__ import annotations

from barcodeembed.cli import index_options, options, reading_options
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import tell_format, warn_of_build


def add(
    index: options.Index,
    references: options.References,
    output: index_options.NewOutput,
    taxonomy: index_options.Taxonomy = None,
    model: options.IndexModel = None,
    ranks: reading_options.Ranks = None,
    id_column: reading_options.IdColumn = None,
    sequence_column: reading_options.SequenceColumn = None,
    gene: reading_options.Gene = None,
    allow_missing: options.AllowMissing = False,
    on_conflict: options.OnConflict = "majority",
    keep_calibration: index_options.KeepCalibration = False,
    coverage: options.Coverage = None,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    strict: options.Strict = False,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Add records to an index. Only barcodes that are new to it are embedded.

    The index is calibrated again on all references, unless --keep-calibration is given. Records
    cannot be added to an index with whitened vectors or to an index of prototypes.

    \b
    Examples:
      barcodeembed index add references.bix more.tsv -o new.bix
      barcodeembed index add references.bix more.fasta --taxonomy names.tsv -o new.bix
      barcodeembed index add large.bix few.tsv --keep-calibration -o new.bix
    """
    options.refuse_overwriting([output], [index, references, taxonomy, model], no_clobber)
    unusual = reading_options.reading(ranks, id_column, sequence_column, gene)
    from barcodeembed.index.bundle import KIND, ReferenceIndex
    from barcodeembed.index.collect import BuildReport
    from barcodeembed.index.edit import add_records, refuse_unchangeable
    from barcodeembed.index.model import load_embedder
    from barcodeembed.taxonomy.references import read_labelled

    options.claim(output, KIND)
    options.use_threads(threads)
    old = ReferenceIndex.open(index, verify=not no_verify)
    refuse_unchangeable({str(index): old})
    embedder = load_embedder(old, model, path=index, device=device, verify=not no_verify)
    labelled = read_labelled(
        references,
        taxonomy=taxonomy,
        encoding=encoding,
        allow_missing=allow_missing,
        recognised=tell_format,
        **unusual,
    )
    report = BuildReport()
    with console.progress("embedding new references") as progress:
        new = add_records(
            old,
            labelled,
            embedder,
            on_conflict=on_conflict,
            keep_calibration=keep_calibration,
            report=report,
            progress=progress,
        )
    warn_of_build(report)
    new.with_coverage(coverage or None).save(output)
    if keep_calibration and new.settings.calibrated is None:
        console.say(
            "calibrated again: the index has grown by more than a fifth or has names at other ranks"
        )
    index_options.describe_edited(output, new, report)
