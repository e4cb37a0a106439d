"""Options of ``barcodeembed pretrain``: what to learn from, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed import vocabulary


def _list_objectives(wanted: bool) -> None:
    if not wanted:
        return
    from dataclasses import fields

    from barcodeembed.objectives import OBJECTIVES, objective_class

    for name in OBJECTIVES:
        kind = objective_class(name)
        print(f"{name}: {(kind.__doc__ or '').splitlines()[0]}")
        for setting in fields(kind.Options):
            print(f"    {name}.{setting.name}={setting.default}")
    raise typer.Exit


Corpus = Annotated[
    list[str], typer.Argument(metavar="CORPUS...", help="Sequence files, or - for stdin.")
]

Output = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="MODEL",
        help="Model bundle to write; MODEL.training holds checkpoints and metrics.",
    ),
]

Preset = Annotated[
    str,
    typer.Option(
        "--preset", metavar="NAME", help=f"Size of the model: {', '.join(vocabulary.PRESETS)}."
    ),
]

GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="RANK:N",
        help="Put N barcodes of one taxon into the same batch, for example genus:4.",
    ),
]

MaxLength = Annotated[
    int,
    typer.Option(
        "--max-length",
        min=8,
        metavar="N",
        help="Maximum number of bases read from a barcode at a time.",
    ),
]

Objective = Annotated[
    str | None,
    typer.Option(
        "--objective",
        metavar="SUM",
        show_default="maelm",
        help="What the model learns: one objective, or several with weights "
        "(maelm+contrastive:0.1).",
    ),
]

Schedule = Annotated[
    str | None,
    typer.Option(
        "--schedule",
        metavar="PHASES",
        help="Objectives in succession, each with its fraction of the steps: clm:0.3,maelm:0.7.",
    ),
]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set an option of the objectives: mask_ratio=0.4, maelm.decoder_layers=1. Repeatable.",
    ),
]

ListObjectives = Annotated[
    bool,
    typer.Option(
        "--list-objectives",
        is_eager=True,
        callback=_list_objectives,
        help="Print the objectives and their settings, and exit.",
    ),
]

Steps = Annotated[
    int | None, typer.Option("--steps", min=1, metavar="N", help="Number of optimizer steps.")
]

Epochs = Annotated[
    float | None,
    typer.Option(
        "--epochs",
        min=0,
        metavar="E",
        show_default="the preset's",
        help="Number of passes over the corpus, instead of --steps.",
    ),
]

MaxMinutes = Annotated[
    float | None,
    typer.Option(
        "--max-minutes",
        min=0,
        metavar="M",
        help="Write a checkpoint and stop after M minutes; continue with --resume.",
    ),
]

Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue exactly from the newest checkpoint; with more --steps, lengthen the run.",
    ),
]

Restart = Annotated[
    bool, typer.Option("--restart", help="Delete an unfinished run and start again.")
]

Init = Annotated[
    Path | None,
    typer.Option("--init", metavar="MODEL", help="Start from the encoder of another model bundle."),
]
