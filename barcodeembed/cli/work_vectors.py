"""The work of ``embed``: vectors go to the output, or wait until all are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import typer

from barcodeembed.cli.shard_options import parse_shard, settings_of
from barcodeembed.cli.work import Work, open_work
from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.stored import STORED, read_stored, store
from barcodeembed.embedding.vector_files import LABELS, Writer, open_vectors


def open_embedding(
    context: typer.Context, embedder: Embedder, refused: Counter[str]
) -> AbstractContextManager[Work]:
    """Begin or continue the work of ``embed``."""
    given = context.params
    output = given["output"]
    files = [output, f"{output}{LABELS}"] if output.endswith(".npy") else [output]
    return open_work(
        output,
        parse_shard(given["shard"]),
        settings_of(context, embedder.fingerprint, given["index"]),
        {"refused": refused},
        block=given["batch_size"],
        unfinished=STORED if given["resume"] else (),
        files=[Path(file) for file in files],
    )


@contextmanager
def open_store(work: Work, output: str, dimension: int, batch_size: int) -> Iterator[Writer]:
    """Yield a function that writes batches to the output, or first to the unfinished one."""
    if work.partial is None:
        with open_vectors(output, dimension) as write:
            yield write
        return
    with open_vectors(output, dimension) as write:
        streams = work.partial.streams
        yield lambda batch: store(batch, streams)
        work.finish()
        for batch in read_stored(work.partial.folder, dimension, batch_size):
            write(batch)
