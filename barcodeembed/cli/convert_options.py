"""Options of ``barcodeembed convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed import vocabulary
from barcodeembed.cli.checks import one_of

Source = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="Directory in Hugging Face layout, file of weights, or model bundle.",
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="MODEL",
        help="Model to write: a file for onnx and safetensors, else a directory.",
    ),
]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="bundle, or the format of another program: safetensors, huggingface or onnx. "
        "Then SOURCE is a model bundle.",
        callback=one_of(*vocabulary.MODEL_FORMATS),
    ),
]
K = Annotated[
    int | None,
    typer.Option(
        "--k",
        min=1,
        max=8,
        metavar="K",
        show_default="by the vocabulary",
        help="Bases per token; checked against the vocabulary.",
    ),
]
Heads = Annotated[
    int | None,
    typer.Option(
        "--heads",
        min=1,
        metavar="N",
        show_default="by the configuration",
        help="Number of attention heads; required for a state dict.",
    ),
]
SpecialTokens = Annotated[
    str | None,
    typer.Option(
        "--special-tokens",
        metavar="NAMES",
        show_default="by their number",
        help="Tokens before the k-mers in the vocabulary, in order: mask,unk,cls,pad,sep.",
    ),
]
Pooling = Annotated[
    str,
    typer.Option("--pooling", metavar="NAME", help="mean (over tokens) or class (class token)."),
]
MaxLength = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        min=1,
        metavar="N",
        show_default="by the checkpoint",
        help="Longest barcode in the training data, in bases.",
    ),
]
Average = Annotated[
    list[Path] | None,
    typer.Option(
        "--average",
        metavar="MODEL",
        show_default=False,
        help="Another model bundle; average its weights with those of SOURCE. Can be repeated.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="NAME",
        show_default="fp32",
        help="Precision of the stored weights: fp32, or bf16 for half the size. With this "
        "option SOURCE may be a model bundle.",
    ),
]
