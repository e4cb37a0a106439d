"""``barcodeembed info``: what a bundle is, holds, and was made by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli import options


def info(
    bundle: Annotated[Path, typer.Argument(
        metavar="MODEL|NAME.bix", help="Model or index bundle.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    no_verify: options.NoVerify = False,
    debug: options.Debug = False,
) -> None:
    """Describe a model or an index, after checking that it is whole.

    \b
    Examples:
      barcodeembed info model
      barcodeembed info references.bix --json
    """
    from barcodeembed.describe import describe

    described = describe(bundle, verify=not no_verify)
    if json:
        from json import dumps

        print(dumps(described, indent=2))
        return
    for name, value in described.items():
        if isinstance(value, dict):
            print(name)
            for key, inner in value.items():
                print(f"  {key:<22}{inner}")
        else:
            print(f"{name:<24}{value}")
