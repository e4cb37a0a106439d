"""Options of ``barcodeembed pretrain``: the shape of the model and the steps of its training."""

from __future__ import annotations

from typing import Annotated

import typer

KmerLength = Annotated[
    int | None,
    typer.Option(
        "--k", min=1, max=8, metavar="K", show_default="the preset's", help="Bases per k-mer."
    ),
]

Merge = Annotated[
    int | None,
    typer.Option(
        "--merge",
        min=1,
        metavar="M",
        show_default="the preset's",
        help="k-mers per token; not for all objectives.",
    ),
]

Pooling = Annotated[
    str | None,
    typer.Option(
        "--pooling",
        metavar="NAME",
        show_default="the preset's",
        help="How tokens become one vector: mean, place (a map for each position) or class.",
    ),
]

Width = Annotated[
    int | None,
    typer.Option(
        "--width",
        min=1,
        metavar="N",
        show_default="the preset's",
        help="Width of the features.",
    ),
]

Layers = Annotated[
    int | None,
    typer.Option(
        "--layers",
        min=1,
        metavar="N",
        show_default="the preset's",
        help="Number of transformer blocks.",
    ),
]

Heads = Annotated[
    int | None,
    typer.Option(
        "--heads",
        min=1,
        metavar="N",
        show_default="the preset's",
        help="Attention heads per block.",
    ),
]

Dropout = Annotated[
    float | None,
    typer.Option(
        "--dropout",
        min=0,
        max=0.999999,
        metavar="RATE",
        show_default="the preset's",
        help="Dropout rate in training.",
    ),
]

Norm = Annotated[
    str | None,
    typer.Option(
        "--norm",
        metavar="NAME",
        show_default="the preset's",
        help="Layer norm before each sublayer (pre) or after it, as in BERT (post).",
    ),
]

FeedForward = Annotated[
    str | None,
    typer.Option(
        "--feed-forward",
        metavar="NAME",
        show_default="the preset's",
        help="Feed-forward layers: gelu, or geglu with a gate.",
    ),
]

Positions = Annotated[
    str | None,
    typer.Option(
        "--positions",
        metavar="NAME",
        show_default="the preset's",
        help="Encoding of positions: learned, rotary, alibi or disentangled; with --anchor, the "
        "first or the last.",
    ),
]

CausalBlocks = Annotated[
    int | None,
    typer.Option(
        "--causal-blocks",
        min=0,
        metavar="N",
        show_default="the preset's",
        help="Number of blocks, from the first, that read only the tokens before each token.",
    ),
]

Anchor = Annotated[
    bool, typer.Option("--anchor", help="Read each barcode at its position in the marker.")
]

BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        metavar="N",
        show_default="the preset's",
        help="Barcodes per optimizer step, over all processes.",
    ),
]

Accumulate = Annotated[
    int,
    typer.Option(
        "--accumulate", min=1, metavar="N", help="Compute each batch in N parts; needs less memory."
    ),
]

LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        min=0,
        metavar="X",
        show_default="the preset's",
        help="Maximum learning rate.",
    ),
]

Rates = Annotated[
    str | None,
    typer.Option(
        "--rates",
        metavar="NAME",
        show_default="the preset's",
        help="Learning rate schedule: cosine, wsd (warm-up, stable, decay) or onecycle.",
    ),
]

WeightDecay = Annotated[
    float | None,
    typer.Option(
        "--weight-decay",
        min=0,
        metavar="X",
        show_default="the preset's",
        help="Weight decay of AdamW.",
    ),
]

Warmup = Annotated[
    float,
    typer.Option(
        "--warmup", min=0, max=1, metavar="FRACTION", help="Fraction of the steps for the warm-up."
    ),
]

Decay = Annotated[
    float,
    typer.Option(
        "--decay",
        min=0,
        max=1,
        metavar="FRACTION",
        help="Fraction of the steps in which wsd decays.",
    ),
]

Average = Annotated[
    float,
    typer.Option(
        "--average",
        min=0,
        max=0.999999,
        metavar="D",
        help="Save a running average of the weights with this decay, 0 for none.",
    ),
]

ReportEvery = Annotated[
    int,
    typer.Option(
        "--report-every", min=1, metavar="N", help="Steps between reports of the metrics."
    ),
]

EvaluateEvery = Annotated[
    int,
    typer.Option(
        "--evaluate-every",
        min=1,
        metavar="N",
        help="Steps between evaluations of the held-out loss.",
    ),
]

CheckpointEvery = Annotated[
    int, typer.Option("--checkpoint-every", min=1, metavar="N", help="Steps between checkpoints.")
]

Compile = Annotated[
    bool,
    typer.Option("--compile", help="Compile the model with torch.compile; needs a C++ compiler."),
]
