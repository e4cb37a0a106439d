"""A whole pretraining run: from sequence files and a configuration to a model bundle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from barcodeembed.bundles.directories import refuse_directory
from barcodeembed.corpus.batches import check_split
from barcodeembed.corpus.corpus import (
    LABELS,
    Corpus,
    describe_sources,
    encode_corpus,
    encoded_from,
    open_corpus,
)
from barcodeembed.corpus.marker_positions import anchor_of, located
from barcodeembed.errors import InputError, OutputError, TrainingError
from barcodeembed.model.bundle import KIND, ModelBundle, load_model, save_model
from barcodeembed.model.config import PRESETS, ModelConfig
from barcodeembed.model.devices import choose_device, choose_precision
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.plan import (
    Phase,
    Plan,
    Settings,
    describe_plan,
    parse_objective,
    parse_schedule,
    resolve_settings,
)
from barcodeembed.taxonomy.references import chain_labelled
from barcodeembed.training.checkpoint import latest_checkpoint
from barcodeembed.training.distributed import Processes, joined
from barcodeembed.training.loop import Trainer
from barcodeembed.training.observer import Observer
from barcodeembed.training.recipe import Recipe
from barcodeembed.vocabulary import PRESETS as PRESET_NAMES

#: Fraction of barcodes whose two halves must agree on their position before a run is anchored
#: without a warning.
_MIN_AGREEMENT = 0.5

#: Choices that are settings of `ModelConfig`. A model to start from has its own.
_SHAPE = (
    "k",
    "merge",
    "width",
    "layers",
    "heads",
    "dropout",
    "norm",
    "feed_forward",
    "positions",
    "pooling",
    "causal_blocks",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainConfig:
    """Everything that a user chooses about a pretraining run.

    ``corpus`` lists sequence files, or ``-`` for standard input. ``out`` is the model bundle to
    write; checkpoints and metrics go to ``OUT.training``. ``preset`` names the size of the model
    and ``objective`` (``maelm+contrastive:0.1``) or ``schedule`` (``clm:0.3,maelm:0.7``) what it
    learns from; ``settings`` are texts such as ``mask_ratio=0.4``. The run has ``steps``
    optimizer steps or ``epochs`` passes over the corpus (the preset's if neither is given).
    ``init`` is a bundle to start from. None stands for the preset's own value. ``group_by`` is
    (label, n): n barcodes of one taxon are put together in a batch. ``max_bases`` is the
    longest stretch of a barcode that is read. ``resume`` continues from the newest checkpoint,
    and lengthens a run of fewer steps; ``restart`` deletes an unfinished run.

    `pretrain` makes a configuration from its arguments and raises what `check` raises.

    >>> from pathlib import Path
    >>> import barcodeembed as be
    >>> config = be.PretrainConfig(corpus=("corpus.fasta",), out=Path("model"), steps=9, epochs=1)
    >>> config.check()
    Traceback (most recent call last):
        ...
    barcodeembed.errors.TrainingError: give --steps or --epochs, not both
    """

    corpus: tuple[str, ...]
    out: Path
    preset: str = "small"
    objective: str | None = None
    schedule: str | None = None
    settings: tuple[str, ...] = ()
    steps: int | None = None
    epochs: float | None = None
    resume: bool = False
    restart: bool = False
    init: Path | None = None
    k: int | None = None
    merge: int | None = None
    width: int | None = None
    layers: int | None = None
    heads: int | None = None
    dropout: float | None = None
    norm: str | None = None
    feed_forward: str | None = None
    positions: str | None = None
    pooling: str | None = None
    causal_blocks: int | None = None
    anchor: bool = False
    batch_size: int | None = None
    accumulate: int = 1
    learning_rate: float | None = None
    rates: str | None = None
    weight_decay: float | None = None
    warmup: float = 0.05
    decay: float = 0.2
    average: float = 0.0
    group_by: tuple[str, int] | None = None
    max_bases: int = 720
    report_every: int = 20
    evaluate_every: int = 200
    checkpoint_every: int = 500
    precision: str = "auto"
    compile: bool = False
    device: str = "auto"
    encoding: str = "utf-8"
    seed: int = 0

    @property
    def directory(self) -> Path:
        """Where checkpoints, metrics and the encoded corpus are kept."""
        return self.out.with_name(self.out.name + ".training")

    def plan(self) -> tuple[Plan, Settings]:
        """Return what to learn from, and with which settings.

        Raises TrainingError if the texts cannot be read or contradict each other.
        """
        if self.objective is not None and self.schedule is not None:
            raise TrainingError("give --objective or --schedule, not both")
        if self.schedule:
            plan: Plan = parse_schedule(self.schedule)
        else:
            plan = (Phase(1.0, parse_objective(self.objective or "maelm")),)
        return plan, resolve_settings(plan, PRESETS[self.preset].settings, list(self.settings))

    def check(self) -> None:
        """Raise TrainingError or InputError if the choices contradict each other."""
        if self.preset not in PRESETS:
            raise InputError(f"preset {self.preset!r} is not one of {', '.join(PRESET_NAMES)}")
        if self.steps is not None and self.epochs is not None:
            raise TrainingError("give --steps or --epochs, not both")
        if not self.out.name:
            raise OutputError(f"{self.out} is not a name for a new bundle")
        if self.init and (self.shape() or self.anchor):
            raise TrainingError(
                "--init brings its own shape; "
                + ", ".join(f"--{name.replace('_', '-')}" for name in _SHAPE)
                + " and --anchor cannot change it"
            )
        if not self.init:
            self.model()
        if self.compile:
            _require_compiler()

    def model(self) -> ModelConfig:
        """Return the configuration of a new model. Raises TrainingError for an impossible shape."""
        try:
            return replace(PRESETS[self.preset].model, **self.shape())
        except ValueError as error:
            raise TrainingError(f"this shape is not possible: {error}") from None

    def shape(self) -> dict[str, Any]:
        """Return the parts of the model's shape that were chosen against the preset."""
        chosen = {name: getattr(self, name) for name in _SHAPE if getattr(self, name) is not None}
        if self.width is not None:
            preset = PRESETS[self.preset].model
            chosen["feed_forward_width"] = self.width * preset.feed_forward_width // preset.width
        return chosen


def parse_group(text: str) -> tuple[str, int]:
    """Read ``RANK:N``, how many barcodes of one taxon are put together. Raises InputError.

    >>> parse_group("genus:4")
    ('genus', 4)
    """
    label, _, count = text.partition(":")
    if label not in LABELS or not count.isdigit() or int(count) < 2:
        raise InputError(
            f"{text!r} is not RANK:N with a rank of {', '.join(LABELS)} and N of at least 2"
        )
    return label, int(count)


def pretrain(
    corpus: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    out: str | PathLike[str],
    group_by: str | None = None,
    observer: Observer | None = None,
    **choices: Any,
) -> Path:
    """Pretrain an encoder on sequence files and write it as a model bundle; return its path.

    ``corpus`` is one path or several. ``choices`` are fields of `PretrainConfig`, such as
    ``preset="small"``, ``steps=1000``, ``objective="maelm+contrastive:0.1"`` or ``seed=1``.
    ``group_by`` is a text such as ``genus:4``. Method: BarcodeMAE, arXiv 2502.18405, unless another
    objective is named. Raises TrainingError, InputError, OutputError.

    >>> import barcodeembed as be
    >>> be.pretrain("corpus.fasta", out="model", preset="tiny", steps=100)  # doctest: +SKIP
    PosixPath('model')
    """
    paths = [corpus] if isinstance(corpus, str | PathLike) else list(corpus)
    init = choices.pop("init", None)
    try:
        config = PretrainConfig(
            corpus=tuple(os.fspath(path) for path in paths),
            out=Path(out),
            group_by=parse_group(group_by) if group_by else None,
            init=Path(init) if init else None,
            **choices,
        )
    except TypeError as error:
        raise InputError(f"pretrain: {error}; see PretrainConfig for what can be chosen") from None
    run(config, observer or Observer())
    return config.out


def run(
    config: PretrainConfig, observer: Observer, ranks: tuple[int, int, int] = (0, 1, 0)
) -> bool:
    """Run a configuration; True once the model is written, False if it was stopped before.

    ``ranks`` are the rank of this process, the number of processes and the rank on this machine, as
    ``torchrun`` gives them.
    """
    config.check()
    device = choose_device(config.device)
    preset = PRESETS[config.preset]
    plan, settings = config.plan()
    start = load_model(config.init) if config.init else None
    refuse_directory(config.out, KIND)
    # Checked before --restart deletes an old run. A corpus that is too small is found out later.
    check_split(config.batch_size or preset.batch_size, config.accumulate * ranks[1])
    with joined(*ranks, device.type) as processes:
        if processes.first:
            _prepare_directory(config)
            _encode(config, observer)
        processes.wait()
        data = open_corpus(config.directory / "corpus")
        encoder, model, data = _prepare_model(config, start, data, processes, observer)
        recipe = _recipe(config, model, plan, settings, data, start, device)
        trainer = Trainer(recipe, data, config.directory, device, processes, encoder)
        if config.resume and trainer.resume():
            recipe = trainer.recipe
            observer.say(f"resuming at step {trainer.step:,} of {recipe.steps:,}")
            if recipe.lengthening:
                observer.say(recipe.lengthening)
        _announce(trainer, data, recipe, observer)
        with observer.training(trainer):
            complete = trainer.run(
                report=observer.report,
                should_stop=observer.should_stop,
                report_every=config.report_every,
                evaluate_every=config.evaluate_every,
                checkpoint_every=config.checkpoint_every,
            )
        _finish(config, trainer, data, observer, complete)
    return complete


def _finish(
    config: PretrainConfig, trainer: Trainer, data: Corpus, observer: Observer, complete: bool
) -> None:
    steps = trainer.recipe.steps
    if not complete:
        observer.say(
            f"stopped at step {trainer.step:,} of {steps:,}; run the same command with --resume to "
            "continue"
        )
    elif trainer.processes.first:
        corpus = {**data.summary, "sha256": data.fingerprint}
        save_model(
            config.out, trainer.encoder, {"recipe": trainer.recipe.to_json(), "corpus": corpus}
        )
        observer.say(f"{config.out}: trained for {steps:,} steps")


def _require_compiler() -> None:
    wanted = (os.environ.get("CXX") or "g++", "clang++")  # the names that torch looks for
    if not any(map(shutil.which, wanted)):
        raise TrainingError(f"--compile needs a C++ compiler; there is no {' or '.join(wanted)}")


def _prepare_directory(config: PretrainConfig) -> None:
    """Make the directory of the run. An unfinished run in it is only deleted on request."""
    directory = config.directory
    found = None if config.resume else latest_checkpoint(directory)
    if found and not config.restart and found[1]["step"] < found[1]["run"]["steps"]:
        raise TrainingError(
            f"{directory} has an unfinished run at step {found[1]['step']:,}; --resume continues "
            "it, --restart deletes it"
        )
    if directory.exists() and not (directory / "corpus").exists() and any(directory.iterdir()):
        raise OutputError(f"{directory}: exists and is not a pretraining run; choose another -o")
    if not config.resume and directory.exists():
        shutil.rmtree(directory)
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be made: {error.strerror}") from None


def _encode(config: PretrainConfig, observer: Observer) -> None:
    """Encode the corpus, or check that an earlier encoding is of the same files."""
    path = config.directory / "corpus"
    sources = describe_sources(config.corpus)
    if encoded_from(path, sources):
        return
    with observer.progress("encoding the corpus") as update:
        records = chain_labelled(list(config.corpus), encoding=config.encoding)
        encode_corpus(records, path, sources, progress=update)


def _prepare_model(
    config: PretrainConfig,
    start: ModelBundle | None,
    data: Corpus,
    processes: Processes,
    observer: Observer,
) -> tuple[Encoder | None, ModelConfig, Corpus]:
    """Return the encoder to start from, if any, its configuration, and the corpus as it reads it.

    The barcodes of an anchored model get their positions in the marker.
    """
    encoder = start.encoder if start else None
    model = start.config if start else config.model()
    if config.anchor or (model.anchored and not start):
        encoder = _anchored_encoder(model, data, config.seed, observer)
    if encoder and encoder.anchor:
        model = encoder.config
        with observer.progress("locating the barcodes", len(data.lengths)) as update:
            # The first process finds the positions; the others read them.
            if not processes.first:
                processes.wait()
            data = located(data, encoder.anchor, config.directory / "positions", update)
            if processes.first:
                processes.wait()
    return encoder, model, data


def _anchored_encoder(config: ModelConfig, data: Corpus, seed: int, observer: Observer) -> Encoder:
    """Learn the positions of the barcodes in the marker; make an encoder that reads them there."""
    anchor, agreement = anchor_of(data)
    observer.say(
        f"the marker has {anchor.length:,} bases; the two halves of {100 * agreement:.0f}% of the "
        "barcodes agree on their position in it"
    )
    if agreement < _MIN_AGREEMENT:
        observer.warn(
            "few barcodes agree on their position: they may be of several markers, or of a marker "
            "without fixed positions; consider leaving out --anchor"
        )
    torch.manual_seed(seed)
    max_tokens = -(-anchor.length // config.token_bases)
    # A position in the marker means the same in every barcode, so each has a vector of its own.
    positions = "disentangled" if config.positions == "disentangled" else "learned"
    encoder = Encoder(replace(config, anchored=True, positions=positions, max_tokens=max_tokens))
    encoder.set_anchor(anchor)
    return encoder


def _recipe(
    config: PretrainConfig,
    model: ModelConfig,
    plan: Plan,
    settings: Settings,
    data: Corpus,
    start: ModelBundle | None,
    device: torch.device,
) -> Recipe:
    preset = PRESETS[config.preset]
    size = min(config.batch_size or preset.batch_size, len(data.train))
    epochs = preset.epochs if config.epochs is None else config.epochs
    rate, decay = config.learning_rate, config.weight_decay
    return Recipe(
        model=model,
        plan=plan,
        settings=settings,
        steps=config.steps or max(1, round(epochs * len(data.train) / size)),
        batch_size=size,
        accumulate=config.accumulate,
        learning_rate=preset.learning_rate if rate is None else rate,
        weight_decay=preset.weight_decay if decay is None else decay,
        rates=config.rates or preset.rates,
        warmup=config.warmup,
        decay=config.decay,
        average=config.average,
        same_taxon=config.group_by,
        precision=choose_precision(config.precision, device),
        compile=config.compile,
        max_bases=config.max_bases,
        seed=config.seed,
        init=start.fingerprint if start else None,
        **preset.recipe,
    )


def _announce(trainer: Trainer, data: Corpus, recipe: Recipe, observer: Observer) -> None:
    weights = sum(p.numel() for p in trainer.encoder.parameters())
    counts = ("records", "distinct", "labelled")
    left_out = {name: n for name, n in data.summary.items() if name not in counts}
    if left_out:
        observer.warn(
            "records left out of the corpus: "
            + ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        )
    observer.say(
        f"{data.summary['records']:,} records, {data.summary['distinct']:,} distinct barcodes, "
        f"{len(data.held_out):,} held out; encoder of {weights / 1e6:.2f} M weights; "
        f"{describe_plan(recipe.plan)}, {recipe.steps:,} steps of {recipe.batch_size} on "
        f"{trainer.device.type} in {recipe.precision}"
    )
