"""Options of the commands that read references: how an unusual file is read."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from barcodeembed import vocabulary
from barcodeembed.cli.checks import one_of

Ranks = Annotated[
    str | None,
    typer.Option(
        "--ranks",
        metavar="RANK,RANK,...",
        help="Ranks of lineages that do not give them (A;B;C), from the first name on. Names at "
        "other words, such as tribe or -, are not read.",
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option("--id-column", metavar="NAME", help="Column of a table with the ids."),
]
SequenceColumn = Annotated[
    str | None,
    typer.Option("--sequence-column", metavar="NAME", help="Column of a table with the sequences."),
]
Gene = Annotated[
    str | None,
    typer.Option(
        "--gene",
        metavar="NAME",
        help="Take only this gene from the records of a GenBank or EMBL file, for example COX1.",
    ),
]
DuplicateIds = Annotated[
    str,
    typer.Option(
        "--duplicate-ids",
        metavar="NAME",
        help="For different references with the same id: fail, first (use the first) or keep "
        "(number the others: id.2).",
        callback=one_of(*vocabulary.DUPLICATE_POLICIES),
    ),
]


def reading(
    ranks: str | None, id_column: str | None, sequence_column: str | None, gene: str | None
) -> dict[str, Any]:
    """Return the arguments of `read_labelled` for these options.

    Raises a usage error if none of the ranks is known.
    """
    from barcodeembed.sequences.tables import Columns
    from barcodeembed.taxonomy.layouts import parse_ranks

    parsed = parse_ranks(ranks) if ranks is not None else None
    if parsed is not None and not any(parsed):
        raise typer.BadParameter(f"{ranks!r} has no rank, such as family", param_hint="--ranks")
    return {"ranks": parsed, "columns": Columns(id_column, sequence_column), "gene": gene}
