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
            help="Directory in Hugging Face layout, file of weights, or model bundle.",
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
            help="Bases per token; checked against the vocabulary.",
        ),
    ] = None,
    heads: Annotated[
        int | None,
        typer.Option(
            "--heads",
            min=1,
            metavar="N",
            show_default="by the configuration",
            help="Number of attention heads; required for a state dict.",
        ),
    ] = None,
    special_tokens: Annotated[
        str | None,
        typer.Option(
            "--special-tokens",
            metavar="NAMES",
            show_default="by their number",
            help="Tokens before the k-mers in the vocabulary, in order: mask,unk,cls,pad,sep.",
        ),
    ] = None,
    pooling: Annotated[
        str,
        typer.Option(
            "--pooling", metavar="NAME", help="mean (over tokens) or class (class token)."
        ),
    ] = "mean",
    max_length: Annotated[
        int | None,
        typer.Option(
            "--max-length",
            min=1,
            metavar="N",
            show_default="by the checkpoint",
            help="Longest barcode in the training data, in bases.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="NAME",
            show_default="fp32",
            help="Precision of the stored weights: fp32, or bf16 for half the size. With this "
            "option SOURCE may be a model bundle.",
        ),
    ] = None,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Convert weights of BarcodeBERT or BarcodeMAE, or halve the size of a model.

    SOURCE is a directory with config.json and model.safetensors or pytorch_model.bin, a state dict
    (.safetensors, .bin, .pt), or a training checkpoint. Code in a file is never run: a pickle that
    contains more than weights and plain values is refused.

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
        raise typer.BadParameter(f"{output} is not a name for a new bundle", param_hint="--output")
    options.refuse_overwriting([output], [source], no_clobber)
    options.use_threads(None)
    from barcodeembed.bundles.manifest import kind_of
    from barcodeembed.model.bundle import KIND, save_model
    from barcodeembed.model.convert import convert as read_weights

    options.claim(output, KIND)
    if weights is not None and kind_of(source) == KIND:
        if any((k, heads, special_tokens, max_length)) or pooling != "mean":
            raise typer.BadParameter(
                "SOURCE is a model bundle, whose shape cannot change; use only --weights with it"
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
        f"{converted.ignored} tensors that do not affect the vectors were ignored"
    )
    if not converted.length_known:
        console.warn(
            f"{source}: the length of the training barcodes is unknown, and positions beyond it "
            "are untrained; for the published models give --max-length 660"
        )
    if "cls" in converted.special_tokens and pooling == "mean":
        console.say(
            "the vocabulary has a class token; if the model was trained with it, use "
            "--pooling class"
        )


def _rewrite(source: Path, output: Path, weights: str) -> None:
    """Write a model bundle again with its weights in another precision."""
    from barcodeembed.model.bundle import WEIGHTS, load_model, save_model

    model = load_model(source)
    save_model(output, model.encoder, model.training, precision=weights)
    sizes = [(bundle / WEIGHTS).stat().st_size / 1e6 for bundle in (source, output)]
    console.say(f"{output}: weights in {weights}, {sizes[1]:.2f} MB ({source}: {sizes[0]:.2f} MB)")
