"""``barcodeembed embed``: sequences in, vectors out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barcodeembed.cli import options, shard_options
from barcodeembed.cli.checks import refuse_overwriting
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import listed, refuse_flagged, warn_of_input, watch
from barcodeembed.cli.threads import use_threads

if TYPE_CHECKING:
    import numpy as np


def embed(
    context: typer.Context,
    reads: options.Reads,
    model: options.Model = None,
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="The suffix gives the format: .npy (with a file of ids), .npz, .parquet, or .tsv; "
            "a .tsv can be compressed (.gz, .bz2, .xz).",
        ),
    ] = "-",
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Scale each vector to unit length.")
    ] = False,
    orient: Annotated[
        bool,
        typer.Option(
            "--orient",
            help="Reverse-complement reads of the other strand, as classify does.",
        ),
    ] = False,
    index: Annotated[
        Path | None,
        typer.Option(
            "-i",
            "--index",
            metavar="NAME.bix",
            show_default="the COI prototypes that ship with barcodeembed",
            help="With --orient: the index whose references give the orientation.",
        ),
    ] = None,
    min_length: options.MinBases = 100,
    offsets: options.Offsets = 1,
    precision: options.Precision = "fp32",
    shard: shard_options.Shard = None,
    resume: shard_options.Resume = False,
    device: options.Device = "auto",
    encoding: options.Encoding = "utf-8",
    batch_size: options.BatchSize = 2_048,
    threads: options.Threads = None,
    no_verify: options.NoVerify = False,
    strict: options.Strict = False,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Turn barcodes into vectors; one row per record, in order.

    \b
    Examples:
      barcodeembed embed reads.fasta -o vectors.npy
      barcodeembed embed reads.fasta --orient -o vectors.npy
      zcat reads.fa.gz | barcodeembed embed - -m model | cut -f 1-5
      barcodeembed embed reads.fasta --shard 2/8 --resume -o vectors.2.npy

    \b
    Columns (TSV): record_id, length, flags, d1, d2, ...
    A record that cannot be embedded has a row of NA (NaN in arrays), and the reason in flags.
    With .npy, ids, lengths and flags are written to FILE.ids.tsv.
    """
    ids = f"{output}.ids.tsv" if output.endswith(".npy") else None
    refuse_overwriting([output, ids], [reads, model, index], no_clobber)
    if index is not None and not orient:
        raise typer.BadParameter("is only used with --orient", param_hint="--index")
    shard_options.check_shard(output, shard, resume)
    from barcodeembed.cli.work_vectors import open_embedding, open_store
    from barcodeembed.embedding.embedder import Embedder
    from barcodeembed.embedding.streaming import embed_records
    from barcodeembed.sequences.reading import read_records

    use_threads(threads)
    embedder = Embedder.load(
        model, device=device, verify=not no_verify, precision=precision, offsets=offsets
    )
    orientation = _orientation(index, verify=not no_verify) if orient else None
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    with (
        open_embedding(context, embedder, refused) as work,
        open_store(work, output, embedder.dimension, batch_size) as write,
    ):
        with console.progress("embedding", work.expected([reads]), output) as progress:
            records = work.watch(watch(read_records(reads, encoding=encoding), counts))
            for batch in embed_records(
                work.part.of(records),
                embedder,
                batch_size=batch_size,
                min_bases=min_length,
                normalize=normalize,
                orientation=orientation,
            ):
                for record, flags in zip(batch.ids, batch.flags, strict=True):
                    refuse_flagged(reads, record, flags)
                write(batch)
                refused.update(filter(None, batch.refused))
                work.add(len(batch.ids))
                progress(work.done)
        warn_of_input(counts, reads)
    if refused:
        console.warn(f"{reads}: {refused.total():,} records have no vector: {listed(refused)}")
    if counts["records"]:
        console.say(f"{work.of(counts['records'])} records, {embedder.dimension} dimensions")


def _orientation(index: Path | None, *, verify: bool) -> np.ndarray:
    """Return the log-odds of 6-mers of the two strands, by the references of an index."""
    from barcodeembed.index.bundle import ReferenceIndex
    from barcodeembed.shipped import shipped_index

    return ReferenceIndex.open(index or shipped_index(), verify=verify).orientation
