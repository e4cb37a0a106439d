"""``barcodeembed index audit``: an index in, a table of contradictions between its names out."""

from __future__ import annotations

from typing import Annotated

import typer

from barcodeembed import vocabulary
from barcodeembed.cli import options
from barcodeembed.cli.checks import refuse_commas
from barcodeembed.cli.console import console


def audit(
    index: options.Index,
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="FILE", help="File for the TSV; .gz, .bz2 or .xz compresses."
        ),
    ] = "-",
    top_k: Annotated[
        int,
        typer.Option(
            "-k",
            "--top-k",
            min=3,
            metavar="K",
            help="Number of nearest references to compare each one with.",
        ),
    ] = vocabulary.NEIGHBOURS,
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """List references whose names other references contradict.

    One row per finding. The kinds are contaminant (human, bacteria or plant with another name),
    mislabelled (the nearest references agree on another taxon, and none of them has the record's
    own), shared_barcode (one barcode has several species) and bin_discordance (one BIN has several
    species, or one species several BINs). The index is not changed, and no model is needed.

    \b
    Examples:
      barcodeembed index audit references.bix > findings.tsv
      barcodeembed index audit references.bix | awk -F'\\t' '$1 == "mislabelled"'

    \b
    Columns: kind, record_ids (joined by ;), rank, name (of these records), other_name (of the
      other records), within (the barcode, BIN or species that they share), neighbours, agreeing
      (on other_name), agreement (agreeing / neighbours), similarity, identity (to the closest
      reference with other_name), own_similarity, own_identity (with name), strength (0 to 1).
      A missing value is NA.
    """
    refuse_commas([output])
    options.refuse_overwriting([output], [index], no_clobber)
    options.use_threads(threads)
    from barcodeembed.bundles.files import open_output
    from barcodeembed.curation import run

    with console.progress("searching") as progress:
        findings = run.audit(index, neighbours=top_k, verify=not no_verify, progress=progress)
    with open_output(output) as table:
        for cells in findings.rows():
            print(*cells, sep="\t", file=table)
    if not findings.has_bins:
        console.say(f"{index}: contains no BINs, so none were checked")
    console.say(f"{index}: {findings.summary()}")
