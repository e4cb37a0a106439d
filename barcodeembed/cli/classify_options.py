"""Options of ``barcodeembed classify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli import options
from barcodeembed.vocabulary import AUTO, LEAST_ERROR, MARKERS


def _genetic_code(text: str) -> str:
    from barcodeembed.classify.genetic_codes import parse_code

    try:
        parse_code(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def _marker(text: str | None) -> str | None:
    names = {name.lower(): name for name in (AUTO, *MARKERS)}
    if text is not None and text.lower() not in names:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(names.values())}")
    return text and names[text.lower()]


Reads = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="READS...",
        show_default=False,
        help="Sequence files, one for each sample, or - for stdin.",
    ),
]
Samples = Annotated[
    Path | None,
    typer.Option(
        "--samples",
        metavar="SHEET",
        help="Instead of READS: a CSV or TSV with the columns sample and reads (paths of files).",
    ),
]
Counts = Annotated[
    Path | None,
    typer.Option(
        "--counts",
        metavar="TABLE",
        help="Reads of each sequence in each sample, from DADA2, VSEARCH or QIIME 2.",
    ),
]
Ids = Annotated[
    Path | None,
    typer.Option(
        "--ids",
        metavar="TABLE",
        help="Identifiers of taxa, for example of WoRMS: a CSV or TSV with the columns taxon and "
        "id. The column taxon_id is then the identifier of the taxon in the row.",
    ),
]
Units = Annotated[
    Path | None,
    typer.Option(
        "--units",
        metavar="FILE",
        help="Like --cluster-novel, but units that are in FILE, of an earlier run, keep their "
        "names, and new ones are added to it.",
    ),
]
NegativeControl = Annotated[
    list[str] | None,
    typer.Option(
        "--negative-control",
        metavar="NAME",
        help="A sample that is a blank: sequences that occur in it get the flag in_control. Can be "
        "given several times.",
    ),
]
Index = Annotated[
    Path | None,
    typer.Option(
        "-i",
        "--index",
        metavar="NAME.bix",
        envvar="BARCODEEMBED_INDEX",
        show_default="the prototypes that ship with barcodeembed",
        help="Index, made by `barcodeembed index build`.",
    ),
]
Marker = Annotated[
    str | None,
    typer.Option(
        "--marker",
        metavar="NAME",
        callback=_marker,
        show_default="auto if no index is given",
        help="Marker of the reads, of those that ship: " + ", ".join(MARKERS) + ". auto recognises "
        "the marker of each read.",
    ),
]
Output = Annotated[
    str,
    typer.Option("-o", "--output", metavar="FILE", help="TSV; .gz, .bz2 or .xz compresses it."),
]
Hits = Annotated[
    Path | None,
    typer.Option("--hits", metavar="FILE", help="Also write the closest references of each query."),
]
MinConfidence = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        min=0,
        max=1,
        metavar="P",
        show_default=options.MIN_CONFIDENCE,
        help="Confidence threshold: a name with lower confidence is NA. 0 shows all best names.",
    ),
]
MaxError = Annotated[
    float | None,
    typer.Option(
        "--max-error",
        min=LEAST_ERROR,
        max=1,
        metavar="P",
        help="Instead of a threshold: accept as many names as possible, with an expected fraction "
        "of incorrect names of at most P at each rank.",
    ),
]
ReadErrors = Annotated[
    float | None,
    typer.Option(
        "--read-errors",
        min=0,
        max=0.2,
        metavar="P",
        show_default="from the qualities of FASTQ, or else estimated from the reads",
        help="Error rate of the reads, for example 0.01. More errors make confidence lower, and "
        "fewer reads novel.",
    ),
]
TopK = Annotated[
    int,
    typer.Option(
        "-k", "--top-k", min=1, metavar="K", help="Number of closest references that vote."
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        min=1e-6,
        metavar="T",
        show_default="set when the index was built",
        help="Temperature of the softmax weights of the vote.",
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Also write a description of the run: versions, thresholds, counts, times.",
    ),
]
GeneticCode = Annotated[
    str,
    typer.Option(
        "--genetic-code",
        metavar="N",
        callback=_genetic_code,
        help="NCBI's number of the genetic code, for the flags stop_codon, frameshift and "
        "pseudogene; auto chooses it by the taxon; none skips these flags.",
    ),
]
CheckChimeras = Annotated[
    bool,
    typer.Option(
        "--check-chimeras",
        help="Also search with parts of each query and flag likely chimeras. Needs two "
        "more searches of each query.",
    ),
]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Compare each query with all references of a large index that is quantised "
        "(see `index build --search`).",
    ),
]
ClusterNovel = Annotated[
    bool,
    typer.Option(
        "--cluster-novel",
        help="Group novel queries into units, in a last column novel_unit. Rows are written when "
        "all queries have been read.",
    ),
]
Explain = Annotated[
    str | None,
    typer.Option(
        "--explain",
        metavar="ID",
        help="Instead of the table, print the answer for one query in words, with its closest "
        "references and a tree.",
    ),
]
