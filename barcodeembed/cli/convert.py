"""``barcodeembed convert``: published weights, or a model bundle, in; a model bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli import options
from barcodeembed.cli.console import console


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Directory in the Hugging Face layout, a file of weights, or a model bundle.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="MODEL", help="Model bundle to write.")
    ],
    k: Annotated[
        int | None,
        typer.Option(
            "--k",
            min=1,
            max=8,
            metavar="K",
            show_default="by the vocabulary",
            help="Bases per token, to be sure of them.",
        ),
    ] = None,
    heads: Annotated[
        int | None,
        typer.Option(
            "--heads",
            min=1,
            metavar="N",
            show_default="by the configuration",
            help="Attention heads; a file of weights alone does not tell.",
        ),
    ] = None,
    special_tokens: Annotated[
        str | None,
        typer.Option(
            "--special-tokens",
            metavar="NAMES",
            show_default="by their number",
            help="What stands before the k-mers in the vocabulary, as mask,unk,cls; pad and sep too.",
        ),
    ] = None,
    pooling: Annotated[
        str,
        typer.Option("--pooling", metavar="NAME", help="mean (over tokens) or class (its token)."),
    ] = "mean",
    max_length: Annotated[
        int | None,
        typer.Option(
            "--max-length",
            min=1,
            metavar="N",
            show_default="by the checkpoint",
            help="Longest barcode that the weights were trained on, in bases.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="NAME",
            show_default="fp32",
            help="Precision of the weights at rest: fp32, or bf16 for half the bytes; with it SOURCE "
            "may be a model bundle.",
        ),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Import weights of BarcodeBERT or BarcodeMAE, or rewrite a model with smaller weights.

    SOURCE is a directory with config.json and model.safetensors or pytorch_model.bin, a state dict
    (.safetensors, .bin, .pt), or a training checkpoint that holds one. Nothing that a file carries
    is run: a pickle of more than weights and plain values is refused.

    \b
    Examples:
      barcodeembed convert BarcodeBERT -o model --max-length 660
      barcodeembed convert best_pretraining.pt -o model
      barcodeembed convert state.safetensors -o model --heads 6
      barcodeembed convert model -o smaller --weights bf16
    """
    options.check_choice("--pooling", pooling, ("mean", "class"))
    if weights is not None:
        options.check_choice("--weights", weights, ("fp32", "bf16"))
    if not output.name:
        raise typer.BadParameter(f"{output} is no name for a new bundle", param_hint="--output")
    options.refuse_overwriting([output], [source])
    options.use_threads(None)
    from barcodeembed.bundles.directories import refuse_directory
    from barcodeembed.bundles.manifest import kind_of
    from barcodeembed.model.bundle import KIND, save_model
    from barcodeembed.model.convert import convert as read_weights

    refuse_directory(output, KIND)
    if weights is not None and kind_of(source) == KIND:
        if any((k, heads, special_tokens, max_length)) or pooling != "mean":
            raise typer.BadParameter(
                "a model bundle keeps its shape: of these options only --weights changes it"
            )
        _rewrite(source, output, weights)
        return
    names = special_tokens.split(",") if special_tokens is not None else None
    converted = read_weights(
        source, k=k, heads=heads, special_tokens=names, pooling=pooling, max_bases=max_length
    )
    save_model(output, converted.encoder, converted.training, precision=weights or "fp32")
    config = converted.encoder.config
    console.say(
        f"{output}: {converted.layout}, {config.layers} layers of width {config.width}, "
        f"k = {config.k}, barcodes of up to {config.max_bases:,} bases; "
        f"{converted.ignored} tensors of no use to it were ignored"
    )
    if not converted.length_known:
        console.warn(
            f"{source}: nothing tells how long the barcodes were that it learnt from, and places "
            "past their end mean nothing; those of the published models had 660 bases, which "
            "--max-length 660 says"
        )
    if "cls" in converted.special_tokens and pooling == "mean":
        console.say(
            "its vocabulary has a class token; if it was trained with it, "
            "--pooling class is what it knows"
        )


def _rewrite(source: Path, output: Path, weights: str) -> None:
    """Write a model bundle again, its weights in another precision."""
    from barcodeembed.model.bundle import WEIGHTS, load_model, save_model

    model = load_model(source)
    save_model(output, model.encoder, model.training, precision=weights)
    sizes = [(bundle / WEIGHTS).stat().st_size / 1e6 for bundle in (source, output)]
    console.say(
        f"{output}: weights in {weights}, {sizes[1]:.2f} MB where {source} has {sizes[0]:.2f} MB"
    )
