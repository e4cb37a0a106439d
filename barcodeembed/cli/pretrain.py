"""``barcodeembed pretrain``: barcodes in, a model bundle out."""

from __future__ import annotations

import os

import typer

from barcodeembed import vocabulary
from barcodeembed.cli import options, run_options, training_options
from barcodeembed.cli.console import console


def pretrain(
    corpus: run_options.Corpus,
    output: run_options.Output,
    preset: run_options.Preset = "small",
    objective: run_options.Objective = None,
    schedule: run_options.Schedule = None,
    settings: run_options.Settings = None,
    list_objectives: run_options.ListObjectives = False,
    steps: run_options.Steps = None,
    epochs: run_options.Epochs = None,
    max_minutes: run_options.MaxMinutes = None,
    resume: run_options.Resume = False,
    restart: run_options.Restart = False,
    init: run_options.Init = None,
    k: training_options.KmerLength = None,
    merge: training_options.Merge = None,
    width: training_options.Width = None,
    layers: training_options.Layers = None,
    heads: training_options.Heads = None,
    dropout: training_options.Dropout = None,
    norm: training_options.Norm = None,
    feed_forward: training_options.FeedForward = None,
    positions: training_options.Positions = None,
    pooling: training_options.Pooling = None,
    causal_blocks: training_options.CausalBlocks = None,
    anchor: training_options.Anchor = False,
    batch_size: training_options.BatchSize = None,
    accumulate: training_options.Accumulate = 1,
    learning_rate: training_options.LearningRate = None,
    rates: training_options.Rates = None,
    weight_decay: training_options.WeightDecay = None,
    warmup: training_options.Warmup = 0.05,
    decay: training_options.Decay = 0.2,
    average: training_options.Average = 0.0,
    group_by: run_options.GroupBy = None,
    max_length: run_options.MaxLength = 720,
    report_every: training_options.ReportEvery = 20,
    evaluate_every: training_options.EvaluateEvery = 200,
    checkpoint_every: training_options.CheckpointEvery = 500,
    precision: options.Precision = "auto",
    compile: training_options.Compile = False,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    seed: options.Seed = 0,
    threads: options.Threads = None,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Pretrain an encoder on barcodes; names are not required.

    The default objective, maelm, is a masked autoencoder: the encoder reads only the visible
    k-mers, and a decoder predicts the hidden ones. The decoder is not part of the model. See
    all objectives with --list-objectives.

    \b
    Examples:
      barcodeembed pretrain references.tsv.gz more.fasta.gz -o model --epochs 10
      barcodeembed pretrain corpus.fasta -o model --objective maelm+contrastive:0.1
      barcodeembed pretrain corpus.fasta -o model --schedule clm:0.3,maelm:0.7
      barcodeembed pretrain corpus.fasta -o model --max-minutes 55 --resume
      torchrun --nproc-per-node 4 -m barcodeembed pretrain corpus.fasta -o model --preset base

    Ctrl-C writes a checkpoint. On a CPU, a run that continues with --resume ends in the same
    weights as an uninterrupted run.
    """
    if steps is not None and epochs is not None:
        raise typer.BadParameter("give --steps or --epochs, not both")
    options.check_choice("--preset", preset, vocabulary.PRESETS)
    for option, chosen, choices in (
        ("--pooling", pooling, vocabulary.POOLINGS),
        ("--norm", norm, vocabulary.NORMS),
        ("--feed-forward", feed_forward, vocabulary.FEED_FORWARDS),
        ("--positions", positions, vocabulary.POSITIONS),
        ("--rates", rates, vocabulary.RATE_SCHEDULES),
    ):
        if chosen is not None:
            options.check_choice(option, chosen, choices)
    if not output.name:
        raise typer.BadParameter(f"{output} is not a name for a bundle", param_hint="--output")
    options.refuse_overwriting([output], [*corpus, init], no_clobber)
    options.use_threads(threads)
    from barcodeembed.cli.stopping import CommandLineRun
    from barcodeembed.errors import InputError, TrainingError
    from barcodeembed.training.run import PretrainConfig, parse_group, run

    try:
        group = parse_group(group_by) if group_by else None
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="--group-by") from None
    config = PretrainConfig(
        corpus=tuple(corpus),
        out=output,
        preset=preset,
        objective=objective,
        schedule=schedule,
        settings=tuple(settings or ()),
        steps=steps,
        epochs=epochs,
        resume=resume,
        restart=restart,
        init=init,
        k=k,
        merge=merge,
        width=width,
        layers=layers,
        heads=heads,
        dropout=dropout,
        norm=norm,
        feed_forward=feed_forward,
        positions=positions,
        pooling=pooling,
        causal_blocks=causal_blocks,
        anchor=anchor,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        rates=rates,
        weight_decay=weight_decay,
        warmup=warmup,
        decay=decay,
        average=average,
        group_by=group,
        max_bases=max_length,
        report_every=report_every,
        evaluate_every=evaluate_every,
        checkpoint_every=checkpoint_every,
        precision=precision,
        compile=compile,
        device=device,
        encoding=encoding,
        seed=seed,
    )
    try:
        config.plan()
    except TrainingError as error:
        raise typer.BadParameter(str(error)) from None
    rank, count, local_rank = (
        int(os.environ.get(name, default))  # as torchrun sets them
        for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    if rank > 0:
        console.quiet = True
    else:
        options.claim(output, "model")
    run(config, CommandLineRun(max_minutes), (rank, count, local_rank))
