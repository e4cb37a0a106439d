"""The option of how an index is searched, and the message about the recall of that search."""

from __future__ import annotations

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
        help="exact, quantised, or auto: quantised from 500,000 distinct barcodes on. quantised "
        "compares a query with 8-bit vectors of a part of the references first; how many of the "
        "closest ones it finds is measured.",
    ),
]


def describe_search(index: ReferenceIndex, report: BuildReport) -> None:
    """Print how many references a quantised search finds, and whether the index uses it."""
    if tried := report.search:
        found = f"finds {tried.recall:.2%} of the closest references"
        if index.quantised:
            console.say(f"quantised search {found}")
        else:
            console.warn(f"quantised search only {found}; the index is searched exactly")
