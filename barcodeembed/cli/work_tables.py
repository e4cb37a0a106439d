"""The work of ``classify``: rows go to the output, or wait until all are there."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import IO

import typer

from barcodeembed.bundles.files import open_output, write_rows
from barcodeembed.classify.markers import MarkerClassifier
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.run import Tally
from barcodeembed.classify.samples import Sample
from barcodeembed.cli.shard_options import parse_shard, settings_of
from barcodeembed.cli.terminal import open_rows
from barcodeembed.cli.work import Work, open_work

#: The files of an unfinished output.
_ROWS, _HITS = "rows", "hits"


def open_classification(
    context: typer.Context,
    classifier: Classifier,
    index: Path,
    samples: Sequence[Sample],
    tally: Tally,
) -> AbstractContextManager[Work]:
    """Begin or continue the work of ``classify``."""
    given = context.params
    counts = dict(tally.counters)
    if isinstance(classifier, MarkerClassifier):
        counts["markers"] = classifier.counts
    unfinished = [_ROWS, *[_HITS] * (given["hits"] is not None)]
    return open_work(
        given["output"],
        parse_shard(given["shard"]),
        settings_of(
            context,
            classifier.embedder.fingerprint,
            index,
            [sample.name for sample in samples],
        ),
        counts,
        block=given["batch_size"],
        unfinished=unfinished if given["resume"] else (),
        files=[Path(given["output"])],
    )


@contextmanager
def open_tables(
    work: Work, output: str, hits: str | PathLike[str] | None = None
) -> Iterator[tuple[IO[str], IO[str] | None]]:
    """Yield text streams for the rows and, if wanted, their hits.

    Rows go to the unfinished output if there is one, and are copied when all are there.
    """
    paths = {_ROWS: output} if hits is None else {_ROWS: output, _HITS: hits}
    texts: list[io.TextIOWrapper] = []
    streams: dict[str, IO[str]]
    with ExitStack() as stack:
        if work.partial is None:
            streams = {_ROWS: stack.enter_context(open_rows(output))}
            if hits is not None:
                streams[_HITS] = stack.enter_context(open_output(hits))
        else:
            texts = [_text(work.partial.streams[name]) for name in paths]
            streams = dict(zip(paths, texts, strict=True))
        try:
            yield streams[_ROWS], streams.get(_HITS)
        finally:
            for text in texts:
                text.detach()
    if work.partial:
        work.finish()
        for name, path in paths.items():
            rows = open(work.partial.folder / name, encoding="utf-8", newline="\n")
            with rows, open_output(path) as table:
                write_rows(rows, table)


def _text(stream: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, "utf-8", newline="\n", write_through=True)
