"""``barcodeembed index subset``: an index in, an index of some of its records out."""

from __future__ import annotations

import typer

from barcodeembed.cli import index_options, options
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import lowest_taxa


def subset(
    index: options.Index,
    output: index_options.NewOutput,
    taxon: index_options.Taxon = None,
    country: index_options.Country = None,
    model: options.IndexModel = None,
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
    """Make an index of some records of an index. No reference is embedded again.

    With both --taxon and --country a record must match both. The index is calibrated again on the
    records that are kept; an index of prototypes keeps its calibration.

    \b
    Examples:
      barcodeembed index subset references.bix --taxon Insecta -o insects.bix
      barcodeembed index subset references.bix --taxon order:Diptera --country Canada -o some.bix
    """
    if not taxon and not country:
        raise typer.BadParameter("say what to keep: --taxon NAME, --country TEXT or both")
    options.refuse_overwriting([output], [index, model], no_clobber)
    from barcodeembed.errors import InputError
    from barcodeembed.index.bundle import KIND, ReferenceIndex
    from barcodeembed.index.edit import take_prototypes, take_records
    from barcodeembed.index.model import load_embedder
    from barcodeembed.index.select import homonyms, select_records

    options.claim(output, KIND)
    options.use_threads(threads)
    old = ReferenceIndex.open(index, verify=not no_verify)
    chosen = select_records(old, taxa=taxon or (), countries=country or ())
    for text in taxon or ():
        if homonyms(old.taxa, text) > 1:
            console.warn(
                f"--taxon: {text} is the name of {homonyms(old.taxa, text)} taxa, of different "
                "kingdoms; all are kept"
            )
    if not chosen.any():
        raise InputError("no record of these taxa is from these countries", index)
    if old.sequences is None:
        new = take_prototypes(old, chosen)
    else:
        embedder = load_embedder(old, model, path=index, device=device, verify=not no_verify)
        with console.progress("embedding reverse-complemented references") as progress:
            new = take_records(old, chosen, embedder, progress=progress)
    new.with_coverage(coverage or None).save(output)
    what = "prototypes" if new.sequences is None else "references"
    console.say(
        f"{output}: {len(new.record_ids):,} of {len(old.record_ids):,} {what}, {lowest_taxa(new)}"
    )
