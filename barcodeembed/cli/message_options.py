"""Options for what a command prints, and for what it refuses to pass over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from barcodeembed.cli.console import console


def _set(name: str) -> Callable[[bool], bool]:
    def callback(value: bool) -> bool:
        if value:
            setattr(console, name, True)
        return value

    return callback


Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", help="Print only warnings and errors.", callback=_set("quiet")),
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Print more details.", callback=_set("verbose"))
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Print the traceback of an error.", callback=_set("debug"))
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Stop at the first warning, and at the first record that was changed or refused.",
        callback=_set("strict"),
    ),
]
NoClobber = Annotated[
    bool, typer.Option("--no-clobber", help="Stop if an output exists; replace nothing.")
]
