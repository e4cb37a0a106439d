"""``barcodeembed models``: what ships, by marker."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from barcodeembed.cli import models_install, options

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def models(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    no_verify: options.NoVerify = False,
    debug: options.Debug = False,
) -> None:
    """List the models and prototypes that ship, one row per marker, after checking their checksums.

    \b
    Examples:
      barcodeembed models
      barcodeembed models --json
      barcodeembed models install coi.bix.tar.gz

    Columns: marker, barcodes (that the prototypes were made from), species, genera, families,
      megabytes (of model and prototypes), card (the page of the documentation), model and index
      (the paths of the bundles).
    """
    if context.invoked_subcommand is not None:
        return
    from barcodeembed.vocabulary import MARKERS

    rows = [_describe(marker, verify=not no_verify) for marker in MARKERS]
    if json:
        from json import dumps

        print(dumps(rows, indent=2))
        return
    print(*rows[0], sep="\t")
    for row in rows:
        print(*row.values(), sep="\t")


def _describe(marker: str, *, verify: bool) -> dict[str, Any]:
    from barcodeembed.index.describe import describe
    from barcodeembed.shipped import shipped_index, shipped_model
    from barcodeembed.vocabulary import COI

    model, index = shipped_model(marker), shipped_index(marker)
    described = describe(index, verify=verify)
    size = describe(model, verify=verify)["megabytes"] + described["megabytes"]
    taxa = described["taxa"]
    page = "model-card.md" if marker == COI else f"markers.md#{marker.lower()}"
    return {
        "marker": marker,
        "barcodes": described["barcodes"],
        "species": taxa["species"],
        "genera": taxa["genus"],
        "families": taxa["family"],
        "megabytes": round(size, 1),
        "card": f"docs/{page}",
        "model": str(model),
        "index": str(index),
    }


app.command("install")(models_install.install)
