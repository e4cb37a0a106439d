"""The metrics of runs of ``pretrain``, read, and written as CSV or as logs of TensorBoard."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

from barcodeembed.bundles.files import output_errors, resolve_links, temporary_sibling
from barcodeembed.errors import InputError, OutputError

#: The metrics of a report by name, with its ``step``. Numbers that are not finite are None.
Row: TypeAlias = dict[str, float | None]
#: The rows of each run, by its name.
Runs: TypeAlias = Mapping[str, list[Row]]

_HELD_OUT = "held_out"


def read_runs(paths: Sequence[str | os.PathLike[str]]) -> dict[str, list[Row]]:
    """Return the metrics of directories ``MODEL.training`` of `pretrain`.

    Raises InputError if one of them has no metrics, or if two runs have the same name.
    """
    runs: dict[str, list[Row]] = {}
    for path in map(Path, paths):
        name = path.resolve().name.removesuffix(".training")
        if name in runs:
            raise InputError(f"{path}: two runs have the name {name}; rename one of them")
        runs[name] = read_metrics(path)
    return runs


def read_metrics(directory: Path) -> list[Row]:
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


def _row(path: Path, number: int, line: str) -> Row:
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


def write_csv(runs: Runs, stream: IO[str]) -> None:
    """Write a line for each report, with the name of the run. A missing metric is an empty cell."""
    names = {name: None for rows in runs.values() for row in rows for name in row if name != "step"}
    table = csv.DictWriter(stream, ["run", "step", *names], lineterminator="\n")
    table.writeheader()
    for run, rows in runs.items():
        table.writerows({"run": run, **row} for row in rows)


def write_events(runs: Runs, directory: str | os.PathLike[str]) -> None:
    """Write logs of TensorBoard to a new directory, with a folder for each run.

    Metrics of held-out barcodes have the names of the others, in ``RUN/held_out``, so that
    TensorBoard draws both in one chart. Raises InputError if TensorBoard is not installed, and
    OutputError if the directory has files or cannot be written.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        raise InputError("needs TensorBoard: pip install 'barcodeembed[tensorboard]'") from None
    path = Path(directory)
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        raise OutputError(f"{path}: exists; delete it, or give a new name")
    target = resolve_links(path)
    temporary = temporary_sibling(target)
    with output_errors([path]):
        try:
            for run, rows in runs.items():
                for part, steps in _parts(rows).items():
                    writer: Any = EventFileWriter(str(temporary / run / part))
                    for step, metrics in steps:
                        values = [Summary.Value(tag=k, simple_value=v) for k, v in metrics.items()]
                        summary = Summary(value=values)
                        writer.add_event(Event(step=step, summary=summary, wall_time=time.time()))
                    writer.close()
            os.replace(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _parts(rows: Sequence[Row]) -> dict[str, list[tuple[int, dict[str, float]]]]:
    """Return the finite metrics of each step: of training, and of held-out barcodes if any."""
    parts: dict[str, list[tuple[int, dict[str, float]]]] = {"": [], _HELD_OUT: []}
    for row in rows:
        for part, steps in parts.items():
            found = {
                name.removeprefix(f"{_HELD_OUT}_"): value
                for name, value in row.items()
                if name != "step" and value is not None
                if name.startswith(f"{_HELD_OUT}_") == bool(part)
            }
            if found:
                steps.append((int(row["step"] or 0), found))
    return {part: steps for part, steps in parts.items() if steps}
