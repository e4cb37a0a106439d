"""``barcodeembed convert``: published weights in, a model bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli import options
from barcodeembed.cli.console import console


def convert(
    source: Annotated[Path, typer.Argument(
        metavar="SOURCE", help="Directory in the Hugging Face layout, or a file of weights.")],
    output: Annotated[Path, typer.Option(
        "-o", "--output", metavar="MODEL", help="Model bundle to write.")],
    k: Annotated[int | None, typer.Option(
        "--k", min=1, max=8, metavar="K", show_default="by the vocabulary",
        help="Bases per token, to be sure of them.")] = None,
    heads: Annotated[int | None, typer.Option(
        "--heads", min=1, metavar="N", show_default="by the configuration",
        help="Attention heads; a file of weights alone does not tell.")] = None,
    special_tokens: Annotated[str | None, typer.Option(
        "--special-tokens", metavar="NAMES", show_default="by their number",
        help="What stands before the k-mers in the vocabulary, as mask,unk,cls; pad and sep too.",
        )] = None,
    pooling: Annotated[str, typer.Option(
        "--pooling", metavar="NAME", help="mean (over tokens) or class (its token).")] = "mean",
    max_length: Annotated[int | None, typer.Option(
        "--max-length", min=1, metavar="N", show_default="by the checkpoint",
        help="Longest barcode that the weights were trained on, in bases.")] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Import weights of BarcodeBERT or BarcodeMAE.

    SOURCE is a directory with config.json and model.safetensors or pytorch_model.bin, a state dict
    (.safetensors, .bin, .pt), or a training checkpoint that holds one. Nothing that a file carries
    is run: a pickle of more than weights and plain values is refused.

    \b
    Examples:
      barcodeembed convert BarcodeBERT -o model --max-length 660
      barcodeembed convert best_pretraining.pt -o model
      barcodeembed convert state.safetensors -o model --heads 6
    """
    options.check_choice("--pooling", pooling, ("mean", "class"))
    if not output.name:
        raise typer.BadParameter(f"{output} is no name for a new bundle", param_hint="--output")
    options.refuse_overwriting([output], [source])
    options.use_threads(None)
    from barcodeembed.files import refuse_directory
    from barcodeembed.model.bundle import KIND, save_model
    from barcodeembed.model.convert import convert as read_weights

    refuse_directory(output, KIND)
    names = special_tokens.split(",") if special_tokens is not None else None
    converted = read_weights(
        source, k=k, heads=heads, special_tokens=names, pooling=pooling, max_bases=max_length
    )
    save_model(output, converted.encoder, converted.training)
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
        console.say("its vocabulary has a class token; if it was trained with it, "
                    "--pooling class is what it knows")  # fmt: skip
