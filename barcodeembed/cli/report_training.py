"""``barcodeembed report --training``: the learning curves of pretrain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from barcodeembed.cli.checks import check_choice, refuse_overwriting
from barcodeembed.cli.console import console
from barcodeembed.cli.report_checks import check_suffix
from barcodeembed.vocabulary import TRAINING_FORMATS

_PAGE, _CSV, _TENSORBOARD = TRAINING_FORMATS


def report_training(
    runs: Sequence[str],
    to: str | None,
    output: str,
    title: str | None,
    others: Mapping[str, object],
    no_clobber: bool,
) -> None:
    """Write a page, a table or logs. Raises a usage error if an option is given that has no use."""
    to = to or _PAGE
    check_choice("--to", to, TRAINING_FORMATS)
    for option, value in {**others, "--title": to != _PAGE and title}.items():
        if value:
            raise typer.BadParameter(f"is not for --training --to {to}", param_hint=option)
    check_suffix(output, to)
    if to == _TENSORBOARD and output == "-":
        raise typer.BadParameter("--to tensorboard writes a directory; give -o DIR")
    metrics = [Path(run) / "metrics.jsonl" for run in runs]
    refuse_overwriting([output], metrics, no_clobber)
    from barcodeembed.bundles.files import open_output
    from barcodeembed.report.curves import curves
    from barcodeembed.report.training_logs import read_runs, write_csv, write_events

    read = read_runs(runs)
    if to == _TENSORBOARD:
        write_events(read, output)
    else:
        with open_output(output) as stream:
            if to == _CSV:
                write_csv(read, stream)
            else:
                stream.writelines(curves(read, title))
    console.say(f"{len(runs):,} runs" if len(runs) != 1 else "1 run")
