"""Options that name an amplicon or its primers."""

from __future__ import annotations

from typing import Annotated

import typer

from barcodeembed.vocabulary import AUTO, NONE


def _known(name: str | None) -> str | None:
    from barcodeembed.errors import InputError
    from barcodeembed.sequences.primers import pair_of

    try:
        return None if name is None else pair_of(name).name
    except InputError as error:
        raise typer.BadParameter(str(error)) from None


def _known_or_mode(name: str | None) -> str | None:
    return name if name in (AUTO, NONE) else _known(name)


def _two_primers(text: str | None) -> str | None:
    from barcodeembed.errors import InputError
    from barcodeembed.sequences.primers import parse_primers

    try:
        return None if text is None else parse_primers(text).name
    except InputError as error:
        raise typer.BadParameter(str(error)) from None


def check_primers(amplicon: str | None, primers: str | None) -> None:
    """Refuse an amplicon together with primers."""
    if amplicon is not None and primers is not None:
        raise typer.BadParameter("give --amplicon or --primers, not both")


ReadAmplicon = Annotated[
    str | None,
    typer.Option(
        "--amplicon",
        metavar="NAME",
        show_default="that of the index, or all that are known",
        callback=_known_or_mode,
        help="Amplicon of the reads, for example leray: its primers are cut off. auto finds it in "
        "the first 1,000 reads; none cuts nothing.",
    ),
]
IndexAmplicon = Annotated[
    str | None,
    typer.Option(
        "--amplicon",
        metavar="NAME",
        callback=_known,
        help="Cut the references to this amplicon, for example leray, without its primers.",
    ),
]
Primers = Annotated[
    str | None,
    typer.Option(
        "--primers",
        metavar="FWD,REV",
        callback=_two_primers,
        help="Primers of an amplicon without a name here, both from 5' to 3'; IUPAC letters, and "
        "I for N.",
    ),
]
