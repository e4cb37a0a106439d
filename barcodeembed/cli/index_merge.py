"""``barcodeembed index merge``: several indexes in, one index out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli import index_options, options
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import warn_of_build


def merge(
    indexes: Annotated[
        list[Path],
        typer.Argument(metavar="NAME.bix...", help="Two or more indexes made with one model."),
    ],
    output: index_options.NewOutput,
    model: options.IndexModel = None,
    on_conflict: options.OnConflict = "majority",
    coverage: options.Coverage = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Merge several indexes into one. No reference is embedded again.

    The index is calibrated again on all references. Indexes with whitened vectors and indexes of
    prototypes cannot be merged.

    \b
    Examples:
      barcodeembed index merge insects.bix spiders.bix -o arthropods.bix
    """
    if len(indexes) < 2:
        raise typer.BadParameter("give two indexes or more", param_hint="NAME.bix")
    options.refuse_overwriting([output], [*indexes, model], no_clobber)
    from barcodeembed.index.bundle import KIND, ReferenceIndex
    from barcodeembed.index.collect import BuildReport
    from barcodeembed.index.edit import merge_indexes, refuse_different, refuse_unchangeable
    from barcodeembed.index.model import load_embedder

    options.claim(output, KIND)
    options.use_threads(threads)
    opened = [ReferenceIndex.open(path, verify=not no_verify) for path in indexes]
    named = dict(zip(map(str, indexes), opened, strict=True))
    refuse_different(named)
    refuse_unchangeable(named)
    # The first index that contains the model, or else the first of all.
    holder = next((i for i, one in enumerate(opened) if one.model_path), 0)
    embedder = load_embedder(
        opened[holder], model, path=indexes[holder], device=device, verify=not no_verify
    )
    report = BuildReport()
    with console.progress("embedding reverse-complemented references") as progress:
        new = merge_indexes(
            opened, embedder, on_conflict=on_conflict, report=report, progress=progress
        )
    new.with_coverage(coverage or None).save(output)
    warn_of_build(report)
    index_options.describe_edited(output, new, report)
