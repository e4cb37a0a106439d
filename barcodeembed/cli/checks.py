"""Checks of option values. A wrong value is a usage error, with exit code 2."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from barcodeembed.cli.boundary import hold
from barcodeembed.errors import OutputError
from barcodeembed.vocabulary import COMPRESSED


def one_of(*choices: str) -> Callable[[str | None], str | None]:
    """Return the callback of an option that accepts only these words, if it is given."""

    def callback(value: str | None) -> str | None:
        if value is not None:
            check_choice(None, value, choices)  # Typer adds the name of the option
        return value

    callback.choices = choices  # type: ignore[attr-defined]  # for completion
    return callback


def check_choice(option: str | None, value: str, choices: Iterable[str]) -> None:
    """Raise a usage error if the value is not one of the choices."""
    if value not in choices:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(choices)}", param_hint=option)


def check_encoding(name: str) -> str:
    """Return the name of a text encoding; raise a usage error if Python cannot read it."""
    try:
        "".encode(name)  # also refuses codecs that are not text encodings, such as hex
        codecs.getincrementaldecoder(name)("surrogateescape").decode(b"", True)
    except (LookupError, ValueError) as error:  # ValueError: idna, punycode, undefined
        raise typer.BadParameter(str(error)) from None
    return name


def check_taxdump(taxdump: Path | None, taxonomy: Path | None) -> None:
    """Raise a usage error if there is a dump but no table of taxids to look up in it."""
    if taxdump is not None and taxonomy is None:
        raise typer.BadParameter("--taxdump needs --taxonomy, a table of accessions and taxids")


def claim(output: Path, kind: str) -> None:
    """Lock the bundle that a command will write, until the command ends.

    Raises OutputError if it cannot be written, or another command is writing it.
    """
    from barcodeembed.bundles.directories import refuse_directory
    from barcodeembed.bundles.files import resolve_links
    from barcodeembed.bundles.locks import locked

    refuse_directory(output, kind)
    hold(locked(resolve_links(output)))


def claim_file(path: Path) -> None:
    """Lock a file that a command reads and then replaces, until the command ends.

    Otherwise, of two commands at the same time, one would lose what the other has added. Raises
    OutputError if it cannot be written, or another command holds it.
    """
    from barcodeembed.bundles.files import output_errors, resolve_links
    from barcodeembed.bundles.locks import locked

    with output_errors([path]):
        hold(locked(resolve_links(path)))


def refuse_overwriting(
    outputs: Iterable[Path | str | None],
    inputs: Iterable[Path | str | None],
    no_clobber: bool = False,
) -> None:
    """Raise a usage error if an output is also an input, or is given twice.

    With ``no_clobber``, raise OutputError if an output exists.
    """
    read = {_real(path) for path in inputs if path is not None} - {"-"}
    written: set[str] = set()
    for path in outputs:
        if path is None:
            continue
        if _real(path) in read:
            raise typer.BadParameter(f"{path} is also an input; it would be overwritten")
        if _real(path) in written:
            raise typer.BadParameter(f"{path} is given for two outputs")
        written.add(_real(path))
        if no_clobber and os.path.lexists(path) and not is_device(path):
            raise OutputError(f"{path}: exists, and --no-clobber keeps it")


def is_device(path: Path | str) -> bool:
    """Return whether a path is a device or a FIFO, which cannot be replaced by another file."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def refuse_commas(outputs: Iterable[Path | str | None]) -> None:
    """Raise a usage error if the name of a tab-separated table promises commas or a spreadsheet."""
    for path in outputs:
        suffixes = [s.lower() for s in Path(path or "").suffixes if s not in COMPRESSED]
        if suffixes and suffixes[-1] in (".csv", ".xls", ".xlsx"):
            raise typer.BadParameter(f"{path}: the table is tab-separated; give a name with .tsv")


def refuse_log(log: Path, arguments: Iterable[str]) -> None:
    """Raise a usage error if another argument is the same file. A log is appended to its file."""
    before = ""
    for argument in arguments:
        if before != "--log" and not argument.startswith("--log="):
            if _real(argument.partition("=")[2] or argument) == _real(log):
                raise typer.BadParameter(f"{log} is also another file of this command")
        before = argument


def _real(path: Path | str) -> str:
    return "-" if str(path) == "-" else os.path.realpath(path)
