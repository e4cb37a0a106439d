"""Describe a run of ``classify``: settings, thresholds, counts and times, for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from math import inf
from os import PathLike
from pathlib import Path
from typing import Any

from barcodeembed import __version__
from barcodeembed.bundles.manifest import MANIFEST, digest_file
from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.markers import MarkerClassifier
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.read_errors import ReadErrors
from barcodeembed.classify.samples import Sample

SCHEMA_VERSION = 1

#: What the bound of ``--max-error`` means, and what it assumes.
_BOUND = (
    "expected fraction of incorrect names among the names accepted at a rank, by the procedure of "
    "Benjamini and Hochberg on conformal p-values of the reference's own barcodes; assumes that "
    "queries are exchangeable with these barcodes and their fragments: half of them of species in "
    "the reference, the others of new species, genera and so on, two fifths as many at each higher "
    "rank; incorrect names in the reference count as errors"
)


@dataclass(slots=True)
class Tally:
    """Count the assignments of a run by status, rank and flag."""

    statuses: Counter[str] = field(default_factory=Counter)
    placed: Counter[str] = field(default_factory=Counter)
    novel: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)

    @property
    def counters(self) -> dict[str, Counter[str]]:
        """All counters, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def add(self, assignment: Assignment) -> None:
        """Count one assignment."""
        self.statuses[assignment.status] += 1
        self.flags.update(assignment.flags)
        if assignment.rank:
            self.placed[assignment.rank] += 1
        if assignment.novel_rank:
            self.novel[assignment.novel_rank] += 1


def describe_amplicon(classifier: Classifier) -> dict[str, Any]:
    """Return which primers were cut off the reads, and what ``--amplicon auto`` found."""
    trimmer, found = classifier.trimmer, classifier.found_amplicon
    return {
        "primers_of": [pair.name for pair in trimmer.pairs],
        "given": trimmer.given,
        "found": found.to_json() if found else None,
    }


def describe_run(
    classifier: Classifier,
    index: str | PathLike[str],
    tally: Tally,
    *,
    sources: Sequence[Sample],
    max_error: float | None,
    warnings: Sequence[str],
    seconds: dict[str, float],
) -> dict[str, Any]:
    """Return versions, fingerprints, thresholds, counts, warnings and times of a run.

    ``sources`` are the samples, and ``seconds`` has the time of each part of the run.
    """
    settings, ranks = classifier.index.settings, classifier.index.taxa.ranks
    # JSON has no infinity, which is the threshold of a rank where no name can be accepted.
    thresholds = [
        round(v, 4) if v < inf else None for v in classifier.confidence_threshold.tolist()
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "barcodeembed": __version__,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "reads": _describe_reads(sources),
        "index": {
            "name": Path(index).name,
            "sha256": digest_file(Path(index) / MANIFEST),
            "vectors": settings.vectors,
            "prototypes": settings.prototypes,
        },
        "model": classifier.embedder.fingerprint,
        "vote": {
            "neighbours": classifier.neighbours,
            "temperature": classifier.finder.whole.temperature,
            "identity_weight": classifier.finder.whole.identity,
            "fragment_temperature": classifier.finder.fragments.temperature,
            "fragment_identity_weight": classifier.finder.fragments.identity,
        },
        "confidence_threshold": dict(zip(ranks, thresholds, strict=True)),
        "amplicon": describe_amplicon(classifier),
        "read_errors": _describe_errors(classifier.read_errors),
        "max_error": max_error,
        "bound": None if max_error is None else _BOUND,
        "markers": _count_markers(classifier),
        "records": tally.statuses.total(),
        "status": dict(sorted(tally.statuses.items())),
        "placed_at": {rank: tally.placed[rank] for rank in ranks},
        "novel_at": {rank: tally.novel[rank] for rank in ranks},
        "flags": dict(sorted(tally.flags.items())),
        "warnings": list(warnings),
        "seconds": {part: round(value, 3) for part, value in seconds.items()},
    }


def _count_markers(classifier: Classifier) -> dict[str, int] | None:
    """Return how many reads were of each marker; None if an index was given."""
    if not isinstance(classifier, MarkerClassifier):
        return None
    return dict(sorted(classifier.counts.items()))


def _describe_reads(sources: Sequence[Sample]) -> str | dict[str, list[str]]:
    """Return the file of a run, or the files of each sample if there are several."""
    if len(sources) == 1 and len(sources[0].files) == 1:
        return sources[0].files[0]
    return {sample.name: list(sample.files) for sample in sources}


def _describe_errors(errors: ReadErrors | None) -> dict[str, Any] | None:
    """Return the error rate of the reads and its source; None if there were no reads."""
    return {"rate": round(errors.rate, 4), "source": errors.source} if errors else None
