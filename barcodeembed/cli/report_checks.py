"""Checks of the options of ``report``: which format has which option and which suffix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import typer

from barcodeembed.vocabulary import COMPRESSED

#: The formats with one row per feature, and what a row can be.
TABLES = ("biom", "table")
#: Suffixes of formats, and those that the output of a format can have. Others are not checked.
_SUFFIXES = {
    **{"html": (".html", ".htm"), "biom": (".biom", ".json"), "multiqc": (".json",)},
    **{"dwc": (".zip",), "csv": (".csv",), "tensorboard": ()},
    **dict.fromkeys(("table", "qiime2"), (".tsv", ".txt")),
    **dict.fromkeys(("krona", "kraken", "sintax"), (".txt", ".tsv")),
}
_PROMISES = frozenset(
    (".html", ".htm", ".biom", ".json", ".zip", ".tsv", ".csv", ".pdf", ".xlsx", ".png", ".svg")
)
KINDS = ("taxon", "query", "sequence")


def check_formats(to: str, given: Mapping[str, tuple[object, Sequence[str]]]) -> None:
    """Raise a usage error if an option is given that its format does not have."""
    for option, (value, formats) in given.items():
        if value and to not in formats:
            raise typer.BadParameter(f"is for --to {' or '.join(formats)}", param_hint=option)


def check_tables(tables: Sequence[str], table: Path | None) -> None:
    """Raise a usage error if standard input would be read twice."""
    if list(tables).count("-") > 1:
        raise typer.BadParameter("- (standard input) can be read once", param_hint="TSV...")
    if table is not None:
        check_suffix(str(table), "table")
        if "-" in tables:
            raise typer.BadParameter("needs tables in files, not stdin", param_hint="--table")


def check_suffix(output: str, to: str) -> None:
    """Raise a usage error if the suffix of the output promises another format."""
    suffixes = [suffix.lower() for suffix in PurePath(output).suffixes[-2:]]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    wanted = _SUFFIXES.get(to, ())
    if to == "dwc" and PurePath(output).suffix.lower() != ".zip":
        raise typer.BadParameter("--to dwc writes an archive; give FILE.zip", param_hint="-o")
    if suffix in _PROMISES and suffix not in wanted:
        advice = f"give a name that ends with {' or '.join(wanted)}" if wanted else "rename it"
        raise typer.BadParameter(f"--to {to} does not write {suffix}; {advice}", param_hint="-o")
