"""Options of ``index build`` for many references, and their messages: search, and resume."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barcodeembed.cli.checks import one_of
from barcodeembed.cli.console import console
from barcodeembed.vocabulary import SEARCHES

if TYPE_CHECKING:
    from barcodeembed.index.bundle import ReferenceIndex
    from barcodeembed.index.collect import BuildReport

Search = Annotated[
    str,
    typer.Option(
        "--search",
        metavar="NAME",
        callback=one_of(*SEARCHES),
        help="exact, quantised, or auto: quantised from 100,000 distinct barcodes on. quantised "
        "compares a query with 8-bit vectors of a part of the references first; how many of the "
        "closest ones it finds is measured.",
    ),
]

MinBases = Annotated[
    int | None,
    typer.Option(
        "--min-length",
        min=1,
        metavar="N",
        help="Minimum number of unambiguous bases of a barcode. The default is 100, or 50 with a "
        "model that does not know positions in the marker.",
    ),
]

Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Keep vectors in NAME.bix.part as they are made; if the build is interrupted, the "
        "same command does not make them again.",
    ),
]


def tell_unfinished(output: Path, resume: bool) -> None:
    """Say that a build goes on with the vectors of an interrupted one, if it does."""
    from barcodeembed.embedding.kept import has_kept

    if resume and has_kept(output):
        console.say(f"{output}.part: going on with the vectors that are there")


def remove_unfinished(output: Path, resume: bool) -> None:
    """Delete the vectors that were kept for an index, which is saved now."""
    from barcodeembed.embedding.kept import remove_kept

    if resume:
        remove_kept(output)


def describe_search(index: ReferenceIndex, report: BuildReport) -> None:
    """Print how many references a quantised search finds, and whether the index uses it."""
    if tried := report.search:
        found = f"finds {tried.recall:.2%} of the closest references"
        if index.quantised:
            console.say(f"quantised search {found}")
        else:
            console.warn(f"quantised search only {found}; the index is searched exactly")
