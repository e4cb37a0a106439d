"""What ``barcodeembed classify`` does when its options are checked: open, name, write, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import typer

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
    """Open an index, or what ships for a marker, and report what it contains.

    Raises BadParameter if both are given.
    """
    if index is not None and marker is not None:
        raise typer.BadParameter("--marker chooses what ships; it cannot be used with --index")
    began = perf_counter()
    classifier: Classifier
    if index is not None:
        path, classifier = index, Classifier.load(index, model, **options)
    else:
        marker = choose_marker(marker, model)
        path = shipped_index(COI if marker == AUTO else marker)
        classifier = MarkerClassifier.of_marker(marker, model, **options)
        console.say(describe_coverage(classifier))
    warn_of_ranks_without_names(classifier, options["max_error"])
    return Opened(classifier, path, perf_counter() - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Where to write: ``rows`` and ``hits`` are tables, ``json`` is the description of the run."""

    rows: str
    hits: Path | None
    json: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What rows have besides names."""

    counts: Counts | None
    ids: TaxonIds | None
    controls: Controls | None
    registry: UnitRegistry | None
    cluster_novel: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The reads to name, and the outputs. Rows have the sample if ``named`` is true."""

    sources: Sequence[Sample]
    named: bool
    outputs: Outputs
    added: Additions
    max_error: float | None
    encoding: str
    batch_size: int


def name_reads(context: typer.Context, opened: Opened, asked: Request) -> None:
    """Write the rows and the other outputs, all or none of them, and report the counts."""
    classifier, tally, inputs = opened.classifier, Tally(), Inputs(asked.encoding)
    outputs, added = asked.outputs, asked.added
    shown, began = asked.sources if asked.named else (), perf_counter()
    more = more_columns(
        classifier.index,
        samples=asked.named,
        counts=added.counts,
        marker=isinstance(classifier, MarkerClassifier),
        ids=added.ids,
    )
    with (
        open_classification(context, classifier, opened.path, shown, tally) as work,
        replace_together() as group,
    ):
        tables = open_tables(work, group, outputs.rows, outputs.hits)
        run = group.text(outputs.json) if outputs.json else None
        total = work.expected(file for sample in asked.sources for file in sample.files)
        with tables as rows, console.progress("classifying", total, outputs.rows) as on:
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
                cluster_novel=added.cluster_novel,
                controls=added.controls,
                registry=added.registry,
                resumed=not work.is_new,
            ):
                refuse_flagged(inputs.names, assignment.query_id, assignment.flags)
                tally.add(assignment)
                work.add(1)
                on(tally.statuses.total())
        inputs.warn()
        if added.counts:
            warn_of_counts(added.counts)
        if added.ids:
            warn_of_ids(added.ids)
        if run:
            run.write(_summary(opened, asked, tally, perf_counter() - began))
        if added.registry:
            added.registry.save()
    if isinstance(classifier, MarkerClassifier) and classifier.auto and tally.statuses:
        console.say(f"--marker auto: {listed(classifier.counts)}")
    if added.registry:
        tell_units(added.registry)
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
