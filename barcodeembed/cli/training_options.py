"""Options of ``barcodeembed pretrain``: the shape of the model and the steps of its training."""

from __future__ import annotations

from typing import Annotated

import typer

from barcodeembed.cli import options

KmerLength = Annotated[
    int | None,
    typer.Option(
        "--k", min=4, max=8, metavar="K", show_default="the preset's", help="Bases per token."
    ),
]

Merge = Annotated[
    int | None,
    typer.Option(
        "--merge",
        min=1,
        metavar="M",
        show_default="1",
        help="k-mers per token: fewer tokens, for contrastive, supcon and taxonomy.",
    ),
]

Pooling = Annotated[
    str | None,
    typer.Option(
        "--pooling",
        metavar="NAME",
        show_default="mean",
        help="mean (over tokens), place (each by a map of its place's own) or class.",
    ),
]

Anchor = Annotated[
    bool,
    typer.Option(
        "--anchor",
        help="Read barcodes at their place in the marker, learnt from the corpus.",
    ),
]

BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        metavar="N",
        show_default="the preset's",
        help="Barcodes per optimizer step, all processes together.",
    ),
]

Accumulate = Annotated[
    int,
    typer.Option(
        "--accumulate",
        min=1,
        metavar="N",
        help="Micro-batches that a process splits its share into; saves memory.",
    ),
]

LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        min=0,
        metavar="X",
        show_default="the preset's",
        help="Peak of the learning rate.",
    ),
]

Rates = Annotated[
    str,
    typer.Option(
        "--rates",
        metavar="NAME",
        callback=options.one_of("cosine", "wsd", "onecycle"),
        help="Course of the learning rate: cosine, wsd (warm-up, stable, decay) or onecycle.",
    ),
]

WeightDecay = Annotated[
    float | None,
    typer.Option(
        "--weight-decay", min=0, metavar="X", show_default="the preset's", help="Of AdamW."
    ),
]

Warmup = Annotated[
    float,
    typer.Option(
        "--warmup", min=0, max=1, metavar="SHARE", help="Share of the steps that warm up."
    ),
]

Decay = Annotated[
    float,
    typer.Option(
        "--decay", min=0, max=1, metavar="SHARE", help="Share of the steps in which wsd falls."
    ),
]

Average = Annotated[
    float,
    typer.Option(
        "--average",
        min=0,
        max=0.999999,
        metavar="D",
        help="Keep a running mean of the weights with this decay, and make it the model.",
    ),
]

ReportEvery = Annotated[
    int,
    typer.Option("--report-every", min=1, metavar="N", help="Steps between lines of metrics."),
]

EvaluateEvery = Annotated[
    int,
    typer.Option("--evaluate-every", min=1, metavar="N", help="Steps between held-out losses."),
]

CheckpointEvery = Annotated[
    int,
    typer.Option("--checkpoint-every", min=1, metavar="N", help="Steps between checkpoints."),
]

Compile = Annotated[
    bool,
    typer.Option("--compile", help="Have torch compile the model first; needs a C++ compiler."),
]
