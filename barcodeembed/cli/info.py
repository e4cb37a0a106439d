"""``barcodeembed info``: what a bundle is, what it contains, and how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from barcodeembed.cli import options
from barcodeembed.errors import printable


def info(
    bundle: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL|NAME.bix",
            show_default="the model and the prototypes that ship",
            help="Model or index bundle.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    no_verify: options.NoVerify = False,
    debug: options.Debug = False,
) -> None:
    """Describe a model or an index, and check that it is complete.

    \b
    Examples:
      barcodeembed info
      barcodeembed info model
      barcodeembed info references.bix --json
    """
    from barcodeembed.index.describe import describe
    from barcodeembed.shipped import shipped_index, shipped_model

    bundles = [bundle] if bundle else [shipped_model(), shipped_index()]
    described = [describe(path, verify=not no_verify) for path in bundles]
    if json:
        from json import dumps

        print(dumps(described[0] if bundle else {d["kind"]: d for d in described}, indent=2))
        return
    for number, one in enumerate(described):
        print(end="\n" if number else "")
        _show(one)


def _show(described: dict[str, Any]) -> None:
    for name, value in described.items():
        if isinstance(value, dict):
            print(printable(name))
            for key, inner in value.items():
                print(printable(f"  {key:<22}{_text(inner)}"))
        else:
            print(printable(f"{name:<23} {_text(value)}"))


def _text(value: Any) -> str:
    return "NA" if value is None else str(value)
