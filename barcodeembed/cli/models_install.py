"""``barcodeembed models install``: a model or an index from an archive, checked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli import options
from barcodeembed.cli.console import console


def _sha256(value: str | None) -> str | None:
    if value is not None and not re.fullmatch("[0-9a-fA-F]{64}", value):
        raise typer.BadParameter("is not 64 hexadecimal digits")
    return value


def install(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL", help="Tar archive with a model or an index, or a bundle."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="BUNDLE",
            show_default="its name, in this folder",
            help="Where to install it.",
        ),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(
            "--sha256",
            metavar="HEX",
            callback=_sha256,
            help="Checksum of the archive; a URL needs it.",
        ),
    ] = None,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Install a model or an index from a tar archive, and print its path.

    \b
    Examples:
      tar czf coi.bix.tar.gz coi.bix && sha256sum coi.bix.tar.gz     # to share an index
      barcodeembed models install coi.bix.tar.gz
      barcodeembed models install https://example.org/coi.bix.tar.gz --sha256 3f1e...

    The network is used only for a URL. The files of the bundle must have the checksums in its
    manifest.
    """
    from barcodeembed.bundles.install import install as install_bundle
    from barcodeembed.bundles.manifest import kind_of

    path = install_bundle(source, output, sha256=sha256)
    console.say(f"{path}: {kind_of(path)} installed")
    print(path)
