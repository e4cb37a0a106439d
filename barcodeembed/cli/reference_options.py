"""Options of the commands that read references: where the names come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed import vocabulary
from barcodeembed.cli.checks import one_of

References = Annotated[
    str,
    typer.Argument(metavar="REFERENCES", help="Table or FASTA of named barcodes, or - for stdin."),
]
Coverage = Annotated[
    str | None,
    typer.Option(
        "--coverage",
        metavar="TEXT",
        help="Describe what the references cover and what they lack; info prints it.",
    ),
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Leave out records without a lineage.")
]
OnConflict = Annotated[
    str,
    typer.Option(
        "--on-conflict",
        metavar="NAME",
        help="For a taxon with two parents: majority (follow most records) or fail.",
        callback=one_of(*vocabulary.CONFLICT_POLICIES),
    ),
]
Taxdump = Annotated[
    Path | None,
    typer.Option(
        "--taxdump",
        metavar="PATH",
        help="NCBI's taxdump.tar.gz, or a folder with its nodes.dmp and names.dmp; needed for a "
        "--taxonomy of accessions and taxids.",
    ),
]
