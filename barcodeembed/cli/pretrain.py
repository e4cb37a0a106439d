"""``barcodeembed pretrain``: barcodes in, a model bundle out."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from barcodeembed import vocabulary
from barcodeembed.cli import options
from barcodeembed.cli.console import console
from barcodeembed.cli.stopping import train

if TYPE_CHECKING:
    from barcodeembed.corpus.corpus import Corpus
    from barcodeembed.model.config import ModelConfig
    from barcodeembed.model.encoder import Encoder
    from barcodeembed.objectives.plan import Plan, Settings
    from barcodeembed.training.distributed import Processes
    from barcodeembed.training.loop import Recipe, Trainer

_DEFAULT_EPOCHS = 20.0

#: Share of barcodes whose halves must agree on their place, for --anchor to pass without a warning.
_AGREEMENT = 0.5


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


def pretrain(
    corpus: Annotated[
        list[str], typer.Argument(metavar="CORPUS...", help="Sequence files, or - for stdin.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="MODEL",
            help="Model bundle to write; MODEL.training holds checkpoints and metrics.",
        ),
    ],
    preset: Annotated[
        str,
        typer.Option(
            "--preset", metavar="NAME", help=f"Size of the model: {', '.join(vocabulary.PRESETS)}."
        ),
    ] = "small",
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            metavar="SUM",
            show_default="maelm",
            help="What to learn: names with weights, as in maelm+contrastive:0.1.",
        ),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            "--schedule",
            metavar="PHASES",
            help="Objectives one after another, by share of the steps: clm:0.3,maelm:0.7.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the objectives: mask_ratio=0.4, maelm.decoder_layers=1; repeatable.",
        ),
    ] = None,
    list_objectives: Annotated[
        bool,
        typer.Option(
            "--list-objectives",
            is_eager=True,
            callback=_list_objectives,
            help="Print the objectives and their settings, and exit.",
        ),
    ] = False,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, metavar="N", help="Optimizer steps to train for."),
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option(
            "--epochs",
            min=0,
            metavar="E",
            show_default="20",
            help="Passes over the corpus, instead of --steps.",
        ),
    ] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(
            "--max-minutes",
            min=0,
            metavar="M",
            help="Stop with a checkpoint after so long; --resume goes on.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint, exactly.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Throw an unfinished run away.")
    ] = False,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init", metavar="MODEL", help="Start from a bundle's encoder; its shape is used."
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(
            "--k", min=4, max=8, metavar="K", show_default="the preset's", help="Bases per token."
        ),
    ] = None,
    merge: Annotated[
        int | None,
        typer.Option(
            "--merge",
            min=1,
            metavar="M",
            show_default="1",
            help="k-mers per token: fewer tokens, for contrastive, supcon and taxonomy.",
        ),
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            "--pooling",
            metavar="NAME",
            show_default="mean",
            help="mean (over tokens), place (each by a map of its place's own) or class.",
        ),
    ] = None,
    anchor: Annotated[
        bool,
        typer.Option(
            "--anchor",
            help="Read barcodes at their place in the marker, learnt from the corpus.",
        ),
    ] = False,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            metavar="N",
            show_default="the preset's",
            help="Barcodes per optimizer step, all processes together.",
        ),
    ] = None,
    accumulate: Annotated[
        int,
        typer.Option(
            "--accumulate",
            min=1,
            metavar="N",
            help="Micro-batches that a process splits its share into; saves memory.",
        ),
    ] = 1,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            min=0,
            metavar="X",
            show_default="the preset's",
            help="Peak of the learning rate.",
        ),
    ] = None,
    rates: Annotated[
        str,
        typer.Option(
            "--rates",
            metavar="NAME",
            callback=options.one_of("cosine", "wsd", "onecycle"),
            help="Course of the learning rate: cosine, wsd (warm-up, stable, decay) or onecycle.",
        ),
    ] = "cosine",
    weight_decay: Annotated[
        float | None,
        typer.Option(
            "--weight-decay", min=0, metavar="X", show_default="the preset's", help="Of AdamW."
        ),
    ] = None,
    warmup: Annotated[
        float,
        typer.Option(
            "--warmup", min=0, max=1, metavar="SHARE", help="Share of the steps that warm up."
        ),
    ] = 0.05,
    decay: Annotated[
        float,
        typer.Option(
            "--decay", min=0, max=1, metavar="SHARE", help="Share of the steps in which wsd falls."
        ),
    ] = 0.2,
    average: Annotated[
        float,
        typer.Option(
            "--average",
            min=0,
            max=0.999999,
            metavar="D",
            help="Keep a running mean of the weights with this decay, and make it the model.",
        ),
    ] = 0.0,
    same_taxon: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            metavar="RANK:N",
            help="Put N barcodes of one taxon together in a batch, as in genus:4.",
        ),
    ] = None,
    max_length: Annotated[
        int,
        typer.Option(
            "--max-length",
            min=8,
            metavar="N",
            help="Longest stretch of a barcode learnt from, in bases.",
        ),
    ] = 720,
    report_every: Annotated[
        int,
        typer.Option("--report-every", min=1, metavar="N", help="Steps between lines of metrics."),
    ] = 20,
    evaluate_every: Annotated[
        int,
        typer.Option("--evaluate-every", min=1, metavar="N", help="Steps between held-out losses."),
    ] = 200,
    checkpoint_every: Annotated[
        int,
        typer.Option("--checkpoint-every", min=1, metavar="N", help="Steps between checkpoints."),
    ] = 500,
    precision: options.Precision = "auto",
    compile: Annotated[
        bool,
        typer.Option("--compile", help="Have torch compile the model first; needs a C++ compiler."),
    ] = False,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    seed: options.Seed = 0,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Pretrain an encoder on barcodes; no names are needed.

    maelm is a masked autoencoder: the encoder reads the visible k-mers alone, and a decoder that
    is then thrown away rebuilds the hidden ones. --list-objectives shows what else there is.

    \b
    Examples:
      barcodeembed pretrain references.tsv.gz more.fasta.gz -o model --epochs 10
      barcodeembed pretrain corpus.fasta -o model --objective maelm+contrastive:0.1
      barcodeembed pretrain corpus.fasta -o model --schedule clm:0.3,maelm:0.7
      barcodeembed pretrain corpus.fasta -o model --max-minutes 55 --resume
      torchrun --nproc-per-node 4 -m barcodeembed pretrain corpus.fasta -o model --preset base

    Ctrl-C leaves a checkpoint that --resume goes on from, to the same weights as an unbroken run.
    """
    if steps is not None and epochs is not None:
        raise typer.BadParameter("give --steps or --epochs, not both")
    options.check_choice("--preset", preset, vocabulary.PRESETS)
    if pooling is not None:
        options.check_choice("--pooling", pooling, ("mean", "place", "class"))
    if not output.name:
        raise typer.BadParameter(f"{output} is no name for a new bundle", param_hint="--output")
    options.refuse_overwriting([output], [*corpus, init])
    from barcodeembed.bundles.directories import refuse_directory
    from barcodeembed.corpus.batches import check_split
    from barcodeembed.corpus.corpus import open_corpus
    from barcodeembed.errors import TrainingError
    from barcodeembed.model.bundle import KIND, load_model, save_model
    from barcodeembed.model.config import PRESETS
    from barcodeembed.model.devices import choose_device, choose_precision
    from barcodeembed.training.distributed import joined
    from barcodeembed.training.loop import Recipe, Trainer

    options.use_threads(threads)
    chosen = choose_device(device)
    defaults = PRESETS[preset]
    passes = _DEFAULT_EPOCHS if epochs is None else epochs
    started_from = load_model(init) if init else None
    anchor = anchor or (defaults.model.anchored and not started_from)
    shape = _given(k=k, merge=merge, pooling=pooling)
    if started_from and (shape or anchor):
        raise TrainingError(
            "--init brings its own shape; --k, --merge, --pooling and --anchor cannot change it"
        )
    plan, chosen_settings = _plan(objective, schedule, defaults.settings, settings or [])
    if compile:
        _need_compiler()
    refuse_directory(output, KIND)
    directory = output.with_name(output.name + ".training")
    rank, count, local_rank = (
        int(os.environ.get(name, default))  # as torchrun sets them
        for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    # Asked before an old run is thrown away for --restart; a small corpus is found out later.
    check_split(batch_size or defaults.batch_size, accumulate * count)
    with joined(rank, count, local_rank, chosen.type) as processes:
        if processes.first:
            _prepare_directory(directory, resume, restart)
            _encode(corpus, directory, encoding)
        else:
            console.quiet = True
        processes.wait()
        data = open_corpus(directory / "corpus")
        encoder = started_from.encoder if started_from else None
        model = started_from.config if started_from else replace(defaults.model, **shape)
        if anchor:
            encoder = _anchored_encoder(model, data, seed)
        if encoder and encoder.anchor:
            model = encoder.config
            data = _locate(data, encoder, directory, processes)
        size = min(batch_size or defaults.batch_size, len(data.train))
        recipe = Recipe(
            model=model,
            plan=plan,
            settings=chosen_settings,
            steps=steps or max(1, round(passes * len(data.train) / size)),
            batch_size=size,
            accumulate=accumulate,
            rates=rates,
            warmup=warmup,
            decay=decay,
            average=average,
            same_taxon=_same_taxon(same_taxon),
            precision=choose_precision(precision, chosen),
            compile=compile,
            max_bases=max_length,
            seed=seed,
            init=started_from.fingerprint if started_from else None,
            **{"learning_rate": defaults.learning_rate, "weight_decay": defaults.weight_decay}
            | _given(learning_rate=learning_rate, weight_decay=weight_decay),
        )
        trainer = Trainer(recipe, data, directory, chosen, processes, encoder)
        if resume and trainer.resume():
            console.say(f"resuming at step {trainer.step:,} of {recipe.steps:,}")
        _announce(trainer, data, recipe)
        complete = train(
            trainer,
            max_minutes,
            report_every=report_every,
            evaluate_every=evaluate_every,
            checkpoint_every=checkpoint_every,
        )
        if not complete:
            console.say(
                f"stopped at step {trainer.step:,} of {recipe.steps:,}; "
                "the same command with --resume goes on"
            )
        elif processes.first:
            learnt_from = {**data.summary, "sha256": data.fingerprint}
            save_model(output, trainer.encoder, {"recipe": recipe.to_json(), "corpus": learnt_from})
            console.say(f"{output}: trained for {recipe.steps:,} steps")


def _plan(
    objective: str | None, schedule: str | None, preset: dict[str, Any], given: list[str]
) -> tuple[Plan, Settings]:
    """Read what to learn from, and with which settings."""
    from barcodeembed.errors import TrainingError
    from barcodeembed.objectives.plan import (
        Phase,
        parse_objective,
        parse_schedule,
        resolve_settings,
    )

    if objective is not None and schedule is not None:
        raise typer.BadParameter("give --objective or --schedule, not both")
    try:
        plan = (
            parse_schedule(schedule)
            if schedule
            else (Phase(1.0, parse_objective(objective or "maelm")),)
        )
        return plan, resolve_settings(plan, preset, given)
    except TrainingError as error:
        raise typer.BadParameter(str(error)) from None


def _need_compiler() -> None:
    from barcodeembed.errors import TrainingError

    wanted = (os.environ.get("CXX") or "g++", "clang++")  # as torch looks for them
    if not any(map(shutil.which, wanted)):
        raise TrainingError(f"--compile needs a C++ compiler; there is no {' or '.join(wanted)}")


def _same_taxon(text: str | None) -> tuple[str, int] | None:
    """Read RANK:N."""
    from barcodeembed.corpus.corpus import LABELS

    if text is None:
        return None
    label, _, count = text.partition(":")
    if label not in LABELS or not count.isdigit() or int(count) < 2:
        raise typer.BadParameter(
            f"{text!r} is no RANK:N with a rank of {', '.join(LABELS)} and N of at least 2",
            param_hint="--group-by",
        )
    return label, int(count)


def _given(**settings: Any) -> dict[str, Any]:
    """Return the settings that the user gave."""
    return {name: value for name, value in settings.items() if value is not None}


def _prepare_directory(directory: Path, resume: bool, restart: bool) -> None:
    """Make the run's directory; an unfinished run in it is not thrown away unasked."""
    from barcodeembed.errors import OutputError, TrainingError
    from barcodeembed.training.checkpoint import latest_checkpoint

    found = None if resume else latest_checkpoint(directory)
    if found and not restart and found[1]["step"] < found[1]["run"]["steps"]:
        raise TrainingError(
            f"{directory} holds a run unfinished at step {found[1]['step']:,}; "
            "--resume goes on with it, --restart throws it away"
        )
    if directory.exists() and not (directory / "corpus").exists() and any(directory.iterdir()):
        raise OutputError(f"{directory}: exists and holds no pretraining run; choose another -o")
    if not resume and directory.exists():
        shutil.rmtree(directory)
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be made: {error.strerror}") from None


def _encode(corpus: list[str], directory: Path, encoding: str) -> None:
    """Encode the corpus, or see that the one encoded before is still that of these files."""
    from barcodeembed.corpus.corpus import describe_sources, encode_corpus, encoded_from
    from barcodeembed.taxonomy.references import chain_labelled

    sources = describe_sources(corpus)
    if encoded_from(directory / "corpus", sources):
        return
    with console.progress("encoding the corpus") as told:
        encode_corpus(
            chain_labelled(corpus, encoding=encoding), directory / "corpus", sources, progress=told
        )


def _anchored_encoder(config: ModelConfig, data: Corpus, seed: int) -> Encoder:
    """Learn where the barcodes lie in their marker; make an encoder that reads them there."""
    import torch

    from barcodeembed.corpus.marker_positions import anchor_of
    from barcodeembed.model.encoder import Encoder

    learnt, agreement = anchor_of(data)
    console.say(
        f"the marker has {learnt.length:,} bases; the halves of {100 * agreement:.0f}% of "
        "the barcodes agree on their place in it"
    )
    if agreement < _AGREEMENT:
        console.warn(
            "that is little: the barcodes may be of no one marker, or of one without "
            "fixed places; consider leaving out --anchor"
        )
    torch.manual_seed(seed)
    most = -(-learnt.length // config.token_bases)
    # A place of the marker means the same in every barcode: each gets a vector of its own.
    encoder = Encoder(replace(config, anchored=True, positions="learned", max_tokens=most))
    encoder.set_anchor(learnt)
    return encoder


def _locate(data: Corpus, encoder: Encoder, directory: Path, processes: Processes) -> Corpus:
    """Find the places of the corpus' barcodes: the first process does, the others read them."""
    from barcodeembed.corpus.marker_positions import located

    with console.progress("locating the barcodes", len(data.lengths)) as told:
        if not processes.first:
            processes.wait()
        found = located(data, encoder.anchor, directory / "places", told)
        if processes.first:
            processes.wait()
    return found


def _announce(trainer: Trainer, data: Corpus, recipe: Recipe) -> None:
    from barcodeembed.objectives.plan import describe_plan

    weights = sum(p.numel() for p in trainer.encoder.parameters())
    counts = ("records", "distinct", "labelled")
    left_out = {name: n for name, n in data.summary.items() if name not in counts}
    if left_out:
        console.warn(
            "records left out of the corpus: "
            + ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        )
    console.say(
        f"{data.summary['records']:,} records, {data.summary['distinct']:,} distinct barcodes, "
        f"{len(data.held_out):,} held out; encoder of {weights / 1e6:.2f} M weights; "
        f"{describe_plan(recipe.plan)}, {recipe.steps:,} steps of {recipe.batch_size} on "
        f"{trainer.device.type} in {recipe.precision}"
    )
