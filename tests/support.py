"""Helpers of the tests: paths, running the command line, reading its tables."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import NamedTuple

from barcodeembed.bundles.manifest import write_manifest
from barcodeembed.cli import main
from barcodeembed.cli.console import console
from barcodeembed.index.settings import INDEX_FORMAT

REPOSITORY = Path(__file__).resolve().parent.parent
SIMULATED = REPOSITORY / "data" / "simulated"
SHARED = REPOSITORY.parent / "shared"


class Result(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def command(*arguments: object) -> list[str]:
    """Return the arguments of a command that runs the program."""
    return [sys.executable, "-m", "barcodeembed", *map(str, arguments)]


def run_here(*arguments: object) -> int:
    """Run the command line in this process, restore the environment, and return the exit code."""
    before = dict(os.environ), signal.getsignal(signal.SIGTERM)
    console.quiet = console.verbose = console.debug = False
    console._said.clear()
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return ended.code or 0
    finally:
        os.environ.clear()
        os.environ.update(before[0])
        signal.signal(signal.SIGTERM, before[1])
    raise AssertionError("the command line returned without an exit code")


def rows_of(table: str) -> list[dict[str, str]]:
    """Read a TSV without quoting and without missing values."""
    header, *lines = table.removesuffix("\n").split("\n")
    names = header.split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]


def files_in(*folders: Path) -> set[Path]:
    """Return all paths in the folders, to check later that no file was left there."""
    return {path for folder in folders for path in folder.rglob("*")}


def without_model(index: Path, path: Path, **settings) -> Path:
    """Copy an index without its model, like the shipped one; keywords change its settings."""
    shutil.copytree(index, path, ignore=shutil.ignore_patterns("model", "manifest.json"))
    values = json.loads((path / "config.json").read_text()) | settings
    (path / "config.json").write_text(json.dumps(values))
    write_manifest(path, "index", INDEX_FORMAT, embedder=values["embedder"])
    return path
