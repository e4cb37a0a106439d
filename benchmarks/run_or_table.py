"""Arguments of benchmarks that write figures (``run``) and print a table of them (``table``)."""

from __future__ import annotations

import argparse
from pathlib import Path

from barcodeembed.model.devices import set_threads


def make_parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/coi"))
    parser.add_argument("--out", type=Path, default=Path("objectives"), help="what can be reused")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def begin(asked: argparse.Namespace, results: Path) -> None:
    """Set the threads, and make the folders of a ``run``."""
    set_threads(asked.threads)
    asked.out.mkdir(exist_ok=True)
    results.mkdir(parents=True, exist_ok=True)
