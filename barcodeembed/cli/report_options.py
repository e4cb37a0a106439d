"""Options of ``barcodeembed report``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from barcodeembed import vocabulary
from barcodeembed.cli.checks import one_of


def _pattern(value: str | None) -> str | None:
    """Raise a usage error if the value is not a regular expression with exactly one group."""
    if value is not None:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise typer.BadParameter(f"not a regular expression: {error}") from None
        if groups != 1:
            raise typer.BadParameter(f"has {groups} groups; it must have one, the sample")
    return value


Tables = Annotated[
    list[str],
    typer.Argument(
        metavar="TSV",
        help="Tables that classify wrote; - for stdin. With --training, directories of pretrain.",
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help=f"One of {', '.join(vocabulary.REPORT_FORMATS)}; with --training, "
        f"{', '.join(vocabulary.TRAINING_FORMATS)}.",
        callback=one_of(*dict.fromkeys(vocabulary.REPORT_FORMATS + vocabulary.TRAINING_FORMATS)),
    ),
]
Output = Annotated[
    str,
    typer.Option("-o", "--output", metavar="FILE", help="A file; .gz, .bz2 or .xz compresses."),
]
SamplePattern = Annotated[
    str | None,
    typer.Option(
        "--sample-pattern",
        metavar="REGEX",
        callback=_pattern,
        show_default="one for each file",
        help="Its one group is the sample, looked for in each query_id.",
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="ROW",
        show_default="taxon",
        help="What a row of biom and table is: taxon, query, or sequence (of several samples).",
    ),
]
Vectors = Annotated[
    list[str] | None,
    typer.Option(
        "--vectors",
        metavar="FILE.npy",
        help="For html: vectors of the queries, drawn as a map; once for each TSV. By UMAP after "
        "pip install 'barcodeembed[map]', else by PCA.",
    ),
]
Index = Annotated[
    Path | None,
    typer.Option(
        "-i",
        "--index",
        metavar="NAME.bix",
        help="The index that classify had: with --vectors, its references that are nearest to the "
        "queries are drawn beneath them; with --hits, trees are drawn.",
    ),
]
ExcludeFlags = Annotated[
    str | None,
    typer.Option(
        "--exclude-flags",
        metavar="FLAGS",
        help="Leave out queries with one of these flags, for example "
        "chimera,pseudogene,in_control.",
    ),
]
Ids = Annotated[
    Path | None,
    typer.Option(
        "--ids",
        metavar="TABLE",
        help="For dwc: identifiers of taxa (of WoRMS, GBIF or NCBI), a CSV or TSV with the columns "
        "taxon and id.",
    ),
]
ReadFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--reads",
        metavar="FILE",
        help="For dwc: the sequences, to be published too; once for each sample, or once for all.",
    ),
]
Title = Annotated[
    str | None, typer.Option("--title", metavar="TEXT", help="For html and dwc: the title.")
]
Training = Annotated[
    bool,
    typer.Option(
        "--training",
        help="The learning curves of one or more runs; give MODEL.training of each.",
    ),
]
Run = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="JSON",
        help="For html: what classify --json wrote; the page shows index, model and thresholds.",
    ),
]
Table = Annotated[
    Path | None,
    typer.Option(
        "--table",
        metavar="FILE",
        help="Also write the feature table of the same rows, as --to table does.",
    ),
]
Hits = Annotated[
    Path | None,
    typer.Option(
        "--hits",
        metavar="FILE",
        help="For html: what classify --hits wrote; the page shows the closest references of a "
        "query, and with -i a tree.",
    ),
]
