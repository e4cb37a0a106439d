"""``barcodeembed report --training``: the learning curves of pretrain as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from barcodeembed.cli.checks import refuse_overwriting
from barcodeembed.cli.console import console
from barcodeembed.cli.report_checks import check_suffix


def report_training(
    runs: Sequence[str],
    to: str | None,
    output: str,
    title: str | None,
    others: Mapping[str, object],
    no_clobber: bool,
) -> None:
    """Write the page. Raises a usage error if an option is given that it does not have."""
    if to not in (None, "html"):
        raise typer.BadParameter("--training writes html", param_hint="--to")
    for option, value in others.items():
        if value:
            raise typer.BadParameter("is not for --training", param_hint=option)
    check_suffix(output, "html")
    metrics = [Path(run) / "metrics.jsonl" for run in runs]
    refuse_overwriting([output], metrics, no_clobber)
    from barcodeembed.bundles.files import open_output
    from barcodeembed.report.curves import curves

    with open_output(output) as stream:
        stream.writelines(curves(runs, title))
    console.say(f"{len(runs):,} runs" if len(runs) != 1 else "1 run")
