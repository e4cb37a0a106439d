"""``barcodeembed convert``: published weights, or a model bundle, in; a model bundle out."""

from __future__ import annotations

from pathlib import Path

import typer

from barcodeembed import vocabulary
from barcodeembed.cli import convert_options, options
from barcodeembed.cli.console import console


def convert(
    source: convert_options.Source,
    output: convert_options.Output,
    to: convert_options.To = vocabulary.MODEL_FORMATS[0],
    k: convert_options.K = None,
    heads: convert_options.Heads = None,
    special_tokens: convert_options.SpecialTokens = None,
    pooling: convert_options.Pooling = "mean",
    max_length: convert_options.MaxLength = None,
    weights: convert_options.Weights = None,
    average: convert_options.Average = None,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Convert weights of BarcodeBERT or BarcodeMAE, or a model for other programs.

    SOURCE is a directory with config.json and model.safetensors or pytorch_model.bin, a state dict
    (.safetensors, .bin, .pt), or a training checkpoint. Code in a file is never run: a pickle that
    contains more than weights and plain values is refused.

    \b
    Examples:
      barcodeembed convert BarcodeBERT -o model --max-length 660
      barcodeembed convert best_pretraining.pt -o model
      barcodeembed convert state.safetensors -o model --heads 6
      barcodeembed convert model -o smaller --weights bf16
      barcodeembed convert one --average two --average three -o soup
      barcodeembed convert model --to onnx -o model.onnx
      barcodeembed convert model --to huggingface -o hf_model
    """
    options.check_choice("--pooling", pooling, ("mean", "class"))
    if weights is not None:
        options.check_choice("--weights", weights, ("fp32", "bf16"))
    if not output.name:
        raise typer.BadParameter(f"{output} is not a name for a new bundle", param_hint="--output")
    options.refuse_overwriting([output], [source, *(average or [])], no_clobber)
    options.use_threads(None)
    from barcodeembed.bundles.manifest import kind_of
    from barcodeembed.model.bundle import KIND, save_model
    from barcodeembed.model.convert import convert as read_weights
    from barcodeembed.model.export import read_safetensors

    shape_given = any((k, heads, special_tokens, max_length)) or pooling != "mean"
    if to != vocabulary.MODEL_FORMATS[0]:
        if shape_given or weights is not None or average:
            raise typer.BadParameter("has no options of the model", param_hint="--to")
        _export(source, output, to)
        return
    options.claim(output, KIND)
    if average:
        if shape_given:
            raise typer.BadParameter("models have a shape of their own", param_hint="--average")
        _average([source, *average], output, weights)
        return
    if weights is not None and kind_of(source) == KIND:
        if shape_given:
            raise typer.BadParameter(
                "SOURCE is a model bundle, whose shape cannot change; use only --weights with it"
            )
        _rewrite(source, output, weights)
        return
    own = read_safetensors(source) if source.is_file() else None
    if own is not None:
        save_model(output, own.encoder, own.training, precision=weights or "fp32")
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


def _export(source: Path, output: Path, to: str) -> None:
    """Write a model bundle in the format of another program."""
    from barcodeembed.model import export
    from barcodeembed.model.bundle import load_model

    model = load_model(source)
    write = {
        "safetensors": export.write_safetensors,
        "huggingface": export.write_hugging_face,
        "onnx": export.write_onnx,
    }[to]
    write(model, output)
    console.say(f"{output}: {to}, vectors of {model.config.dimension} dimensions")
    if to == "huggingface":
        known = export.is_bert(model.config)
        console.say(
            "AutoModel opens it as a BertModel"
            if known
            else "AutoModel opens it with trust_remote_code=True, if barcodeembed is installed"
        )
    if model.config.anchored:
        console.say("the model needs positions in the marker, which barcodeembed finds")


def _average(sources: list[Path], output: Path, weights: str | None) -> None:
    """Write the mean of model bundles."""
    from barcodeembed.model.average import average
    from barcodeembed.model.bundle import load_model, save_model

    training = {"average_of": [load_model(source).fingerprint for source in sources]}
    save_model(output, average(sources), training, precision=weights or "fp32")
    console.say(f"{output}: the average of {len(sources)} models")


def _rewrite(source: Path, output: Path, weights: str) -> None:
    """Write a model bundle again with its weights in another precision."""
    from barcodeembed.model.bundle import WEIGHTS, load_model, save_model

    model = load_model(source)
    save_model(output, model.encoder, model.training, precision=weights)
    sizes = [(bundle / WEIGHTS).stat().st_size / 1e6 for bundle in (source, output)]
    console.say(f"{output}: weights in {weights}, {sizes[1]:.2f} MB ({source}: {sizes[0]:.2f} MB)")
