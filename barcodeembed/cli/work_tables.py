"""The work of ``classify``: rows go to the output, or wait until all are there."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

import typer

from barcodeembed.bundles.files import OutputGroup, write_rows
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
    work: Work, group: OutputGroup, output: str, hits: Path | None = None
) -> Iterator[tuple[IO[str], IO[str] | None]]:
    """Yield text streams for the rows and, if wanted, their hits.

    The outputs are those of a group. If there is an unfinished output, rows go there, and are
    copied when all are there.
    """
    outputs = {_ROWS: group.text(output)}
    if hits is not None:
        outputs[_HITS] = group.text(hits)
    if work.partial is None:
        with open_rows(output, outputs[_ROWS]) as rows:
            yield rows, outputs.get(_HITS)
        return
    texts = {name: _text(work.partial.streams[name]) for name in outputs}
    try:
        yield texts[_ROWS], texts.get(_HITS)
    finally:
        for text in texts.values():
            text.detach()
    work.finish()
    for name, stream in outputs.items():
        with open(work.partial.folder / name, encoding="utf-8", newline="\n") as lines:
            write_rows(lines, stream)


def _text(stream: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, "utf-8", newline="\n", write_through=True)
