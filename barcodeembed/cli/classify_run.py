"""What ``barcodeembed classify`` does when its options are checked: open, name, write, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from barcodeembed.bundles.files import replace_together
from barcodeembed.classify.columns import more_columns
from barcodeembed.classify.markers import MarkerClassifier
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.run import Tally, describe_run
from barcodeembed.classify.samples import classify_samples
from barcodeembed.classify.tables import write_tables
from barcodeembed.cli.classify_messages import (
    choose_marker,
    describe_coverage,
    tell_sample,
    warn_of_ranks_without_names,
)
from barcodeembed.cli.classify_samples import Inputs, tell_units, warn_of_counts, warn_of_ids
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import listed, refuse_flagged
from barcodeembed.cli.work_tables import open_classification, open_tables
from barcodeembed.shipped import shipped_index
from barcodeembed.vocabulary import AUTO, COI

if TYPE_CHECKING:
    import typer

    from barcodeembed.classify.columns import Controls
    from barcodeembed.classify.counts import Counts
    from barcodeembed.classify.samples import Sample
    from barcodeembed.classify.unit_registry import UnitRegistry
    from barcodeembed.taxonomy.identifiers import TaxonIds


@dataclass(frozen=True, slots=True)
class Opened:
    """A classifier, the path of its index, and the seconds that opening them took."""

    classifier: Classifier
    path: Path
    seconds: float


def open_classifier(
    index: Path | None, marker: str | None, model: Path | None, **options: Any
) -> Opened:
    """Open an index, or what ships for a marker, and report what it contains."""
    began = perf_counter()
    marker = choose_marker(marker, index, model)
    classifier: Classifier
    if marker:
        path = shipped_index(COI if marker == AUTO else marker)
        classifier = MarkerClassifier.of_marker(marker, model, **options)
        console.say(describe_coverage(classifier))
    else:
        path = index or shipped_index(COI)
        classifier = Classifier.load(path, model, **options)
    warn_of_ranks_without_names(classifier, options["max_error"])
    return Opened(classifier, path, perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Request:
    """The reads to name, and the outputs.

    ``named`` is true if rows have the sample. ``counts`` is the file of ``counted``.
    """

    sources: Sequence[Sample]
    named: bool
    output: str
    hits: Path | None
    json: Path | None
    counts: Path | None
    counted: Counts | None
    ids: TaxonIds | None
    controls: Controls | None
    registry: UnitRegistry | None
    cluster_novel: bool
    max_error: float | None
    encoding: str
    batch_size: int


def name_reads(context: typer.Context, opened: Opened, asked: Request) -> None:
    """Write the rows and the other outputs, all or none of them, and report the counts."""
    classifier, tally, inputs = opened.classifier, Tally(), Inputs(asked.encoding)
    shown, began = asked.sources if asked.named else (), perf_counter()
    more = more_columns(
        classifier.index,
        samples=asked.named,
        counts=asked.counted,
        marker=isinstance(classifier, MarkerClassifier),
        ids=asked.ids,
    )
    with (
        open_classification(context, classifier, opened.path, shown, tally) as work,
        replace_together() as group,
    ):
        tables = open_tables(work, group, asked.output, asked.hits)
        run = group.text(asked.json) if asked.json else None
        with tables as rows, console.progress("classifying", output=asked.output) as on:
            answers = classify_samples(
                classifier,
                asked.sources,
                lambda path: work.watch(inputs.read(path)),
                named=asked.named,
                batch_size=asked.batch_size,
                part=work.part,
                done=lambda sample: tell_sample(classifier, sample.name if asked.named else None),
            )
            for assignment in write_tables(
                answers,
                classifier,
                *rows,
                more=more,
                cluster_novel=asked.cluster_novel,
                controls=asked.controls,
                registry=asked.registry,
                resumed=not work.is_new,
            ):
                refuse_flagged(inputs.names, assignment.query_id, assignment.flags)
                tally.add(assignment)
                work.add(1)
                on(tally.statuses.total())
        inputs.warn()
        if asked.counted and asked.counts:
            warn_of_counts(asked.counted, asked.counts)
        if asked.ids:
            warn_of_ids(asked.ids)
        if run:
            run.write(_summary(opened, asked, tally, perf_counter() - began))
        if asked.registry:
            asked.registry.save()
    if isinstance(classifier, MarkerClassifier) and classifier.auto and tally.statuses:
        console.say(f"--marker auto: {listed(classifier.counts)}")
    if asked.registry:
        tell_units(asked.registry)
    if inputs.records:
        console.say(f"{work.of(inputs.records)} records: {listed(tally.statuses)}")


def _summary(opened: Opened, asked: Request, tally: Tally, seconds: float) -> str:
    """Return the content of ``--json``."""
    described = describe_run(
        opened.classifier,
        opened.path,
        tally,
        sources=asked.sources,
        max_error=asked.max_error,
        warnings=console.warnings,
        seconds={"opening": opened.seconds, "classifying": seconds},
    )
    return dumps(described, indent=2) + "\n"
