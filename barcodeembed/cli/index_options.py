"""Options of the commands that write an index, and what these commands print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barcodeembed.cli.build_options import describe_search
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import lowest_taxa

if TYPE_CHECKING:
    from barcodeembed.index.bundle import ReferenceIndex
    from barcodeembed.index.collect import BuildReport

Output = Annotated[
    Path, typer.Option("-o", "--output", metavar="NAME.bix", help="Index bundle to write.")
]
NewOutput = Annotated[
    Path, typer.Option("-o", "--output", metavar="NEW.bix", help="Index bundle to write.")
]
Taxonomy = Annotated[
    Path | None,
    typer.Option(
        "--taxonomy",
        metavar="FILE",
        help="Lineages by record id: a table with rank columns, id<TAB>k__..;p__.., "
        "id<TAB>A;B;.., or taxids.",
    ),
]
Whiten = Annotated[
    int | None,
    typer.Option(
        "--whiten",
        min=0,
        metavar="N",
        show_default="64; 0 for a model that pools by position",
        help="Whiten the vectors, fitted on the references: number of directions to keep; 0 for "
        "none.",
    ),
]
Prototypes = Annotated[
    str | None,
    typer.Option(
        "--prototypes",
        metavar="NAME",
        help="Keep mean vectors of each species or bin, instead of sequences and record ids.",
    ),
]
WithoutModel = Annotated[
    bool,
    typer.Option(
        "--without-model",
        help="Do not copy the model into the index; classify then needs --model, unless it is the "
        "model that ships with barcodeembed.",
    ),
]
KeepCalibration = Annotated[
    bool,
    typer.Option(
        "--keep-calibration",
        help="Keep what the index has learned from its references (confidence, vote, orientation, "
        "clusters), which takes most of the time to learn again. Ignored if the index has grown by "
        "more than a fifth since it was calibrated.",
    ),
]
ReadErrors = Annotated[
    float,
    typer.Option(
        "--read-errors",
        min=0,
        max=0.2,
        metavar="P",
        show_default="not known",
        help="Error rate of all reads that will be classified with this index, for example 0.01. "
        "classify then does not estimate it.",
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Also write what was read and what was left out: counts, names, ids.",
    ),
]
Taxon = Annotated[
    list[str] | None,
    typer.Option(
        "--taxon",
        metavar="NAME",
        show_default=False,
        help="Keep the records of this taxon, of any rank; write RANK:NAME if several ranks have "
        "a taxon of that name. May be repeated.",
    ),
]
Country = Annotated[
    list[str] | None,
    typer.Option(
        "--country",
        metavar="TEXT",
        show_default=False,
        help="Keep the records from this country or ocean. May be repeated.",
    ),
]


def describe_built(output: Path, index: ReferenceIndex, report: BuildReport) -> None:
    """Print how many references a new index has, and how they were changed."""
    if report.reverse_complemented:
        console.say(
            f"{report.reverse_complemented:,} references had the other orientation and were "
            "reverse-complemented"
        )
    if cut := index.settings.amplicon:
        positions = f", positions {cut.first} to {cut.last} of the marker" if cut.first else ""
        console.say(f"references were cut to the amplicon {cut.name}{positions}")
    describe_search(index, report)
    made = f", {len(index.vectors):,} prototypes" if index.settings.prototypes else ""
    console.say(
        f"{output}: {report.used:,} references, {report.distinct:,} distinct barcodes, "
        f"{lowest_taxa(index)}{made}"
    )


def remove_json(path: Path | None) -> None:
    """Delete the description of an older index, so that it is not next to a newer one."""
    from barcodeembed.bundles.files import remove_file

    if path is not None:
        remove_file(path)


def write_json(path: Path, references: str, output: Path, report: BuildReport) -> None:
    """Write what was read and what was left out of a build as JSON."""
    from json import dumps

    from barcodeembed import __version__
    from barcodeembed.bundles.files import open_output

    described = {
        "schema_version": 1,
        "barcodeembed": __version__,
        "references": references,
        "index": output.name,
        **report.describe(),
        "warnings": console.warnings,
    }
    with open_output(path) as stream:
        stream.write(dumps(described, indent=2, ensure_ascii=False) + "\n")


def describe_edited(output: Path, index: ReferenceIndex, report: BuildReport) -> None:
    """Print how many references a changed index has, and how many barcodes were embedded."""
    describe_search(index, report)
    console.say(
        f"{output}: {report.used:,} references, {report.distinct:,} distinct barcodes, "
        f"{report.embedded:,} of them embedded now, {lowest_taxa(index)}"
    )
