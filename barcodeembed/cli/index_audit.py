"""``barcodeembed index audit``: an index in, a table of what contradicts itself in it out."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from barcodeembed.cli import options
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import listed


def audit(
    index: options.Index,
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="FILE", help="TSV; .gz, .bz2 or .xz compresses."),
    ] = "-",
    top_k: Annotated[
        int,
        typer.Option(
            "-k", "--top-k", min=3, metavar="K", help="Nearest references that are looked at."
        ),
    ] = 10,
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """List references that others contradict: likely mislabelled, shared barcodes, BINs.

    One row per finding: mislabelled (the nearest references agree on another taxon and none is of
    the record's own), shared_barcode (one barcode, several species), bin_discordance (one BIN,
    several species; one species, several BINs). No model is needed.

    \b
    Examples:
      barcodeembed index audit references.bix > findings.tsv
      barcodeembed index audit references.bix | awk -F'\\t' '$1 == "mislabelled"'

    \b
    Columns: kind, record_ids (joined by ;), rank, name (given), other_name (of the others), within
      (the barcode, BIN or species that they share), neighbours, agreeing (on other_name), share,
      similarity, identity (to the nearest of other_name), own_similarity, own_identity (of name),
      strength (0 to 1). Missing is NA.
    """
    options.refuse_overwriting([output], [index])
    options.use_threads(threads)
    from barcodeembed.bundles.files import open_output
    from barcodeembed.curation.discordance import find_bin_discordances, find_shared_barcodes
    from barcodeembed.curation.findings import COLUMNS
    from barcodeembed.curation.mislabelled import find_mislabelled
    from barcodeembed.errors import InputError
    from barcodeembed.index.bundle import ReferenceIndex

    opened = ReferenceIndex.open(index, verify=not no_verify)
    if opened.sequences is None:
        raise InputError("is an index of prototypes, which keeps no records to check", index)
    counts: Counter[str] = Counter()
    with open_output(output) as table:
        print(*COLUMNS, sep="\t", file=table)
        with console.progress("searching") as told:
            findings = list(find_mislabelled(opened, neighbours=top_k, progress=told))
        for found in (findings, find_shared_barcodes(opened), find_bin_discordances(opened)):
            for finding in found:
                print(*finding.row(), sep="\t", file=table)
                counts[finding.kind] += 1
    if not opened.sources.bins:
        console.say(f"{index}: keeps no BINs to check")
    console.say(
        f"{index}: {len(opened.record_ids):,} references: {listed(counts) or 'nothing found'}"
    )
