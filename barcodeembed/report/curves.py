"""Learning curves of ``pretrain`` as a page: one line for each run in a chart for each metric."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from barcodeembed import __version__
from barcodeembed.errors import InputError
from barcodeembed.report.page import assemble

_SCRIPTS = ("page.base.js", "page.save.js", "curves.js")


def curves(paths: Sequence[str | PathLike[str]], title: str | None = None) -> Iterator[str]:
    """Return the fragments of the page.

    ``paths`` are directories ``MODEL.training`` of `pretrain`. Raises InputError if one of them has
    no metrics, or if two runs have the same name.
    """
    runs: dict[str, Any] = {}
    for path in map(Path, paths):
        name = path.resolve().name.removesuffix(".training")
        if name in runs:
            raise InputError(f"{path}: two runs have the name {name}; rename one of them")
        runs[name] = read_metrics(path)
    data = {"version": __version__, "runs": [{"name": n, "rows": rows} for n, rows in runs.items()]}
    return assemble("curves.html", _SCRIPTS, data, title or "barcodeembed training")


def read_metrics(directory: Path) -> list[dict[str, float | None]]:
    """Return the metrics of a run, by step. Numbers that are not finite are None.

    A line without its end is left out: it is of a run that is writing it. Raises InputError if
    there are no metrics.
    """
    path = directory / "metrics.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        raise InputError(
            f"{directory}: has no metrics.jsonl; give the directory MODEL.training of a run of "
            "pretrain"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    whole = [line for line in lines if line.endswith("\n")]
    rows = [_row(path, number, line) for number, line in enumerate(whole, 1)]
    if not rows:
        raise InputError(f"{path}: has no metrics yet; the first line comes after --report-every")
    return rows


def _row(path: Path, number: int, line: str) -> dict[str, float | None]:
    try:
        row = json.loads(line)
        metrics = {str(name): float(value) for name, value in row.items()}
        step = int(metrics["step"])
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError):
        raise InputError(
            f"{path}:{number}: not a line of metrics, a JSON object of numbers with a step"
        ) from None
    finite = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
    return finite | {"step": step}
