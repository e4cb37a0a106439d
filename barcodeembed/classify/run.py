"""What one run of ``classify`` was and came to, for the record: a dictionary fit for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from os import PathLike
from pathlib import Path
from typing import Any

from barcodeembed import __version__
from barcodeembed.bundles.manifest import MANIFEST, digest_file
from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.pipeline import Classifier

SCHEMA_VERSION = 1

#: What a bound on the share of wrong names takes for granted.
_BOUND = (
    "expected share of wrong names among those given at a rank, by the procedure of Benjamini and "
    "Hochberg on conformal p-values of the reference's own barcodes; assumes queries exchangeable "
    "with these, whole and in pieces: half of species in the reference, the others of new species, "
    "genera, ... two fifths as many at each rank up; wrong names in the reference count as errors"
)


@dataclass(slots=True)
class Tally:
    """Counts over the assignments of a run."""

    statuses: Counter[str] = field(default_factory=Counter)
    placed: Counter[str] = field(default_factory=Counter)
    novel: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)

    def add(self, assignment: Assignment) -> None:
        self.statuses[assignment.status] += 1
        self.flags.update(assignment.flags)
        if assignment.rank:
            self.placed[assignment.rank] += 1
        if assignment.novel_rank:
            self.novel[assignment.novel_rank] += 1


def describe_run(
    classifier: Classifier,
    index: str | PathLike[str],
    tally: Tally,
    *,
    source: str,
    max_error: float | None,
    warnings: Sequence[str],
    seconds: dict[str, float],
) -> dict[str, Any]:
    """Return versions, fingerprints, thresholds, counts, warnings and times of a run.

    ``seconds`` are the times of its parts.
    """
    settings, ranks = classifier.index.settings, classifier.index.taxa.ranks
    # Infinity, where nothing is sure enough, is no JSON.
    least = [round(v, 4) if v < inf else None for v in classifier.confidence_threshold.tolist()]
    return {
        "schema_version": SCHEMA_VERSION,
        "barcodeembed": __version__,
        "reads": source,
        "index": {
            "name": Path(index).name,
            "sha256": digest_file(Path(index) / MANIFEST),
            "vectors": settings.vectors,
            "prototypes": settings.prototypes,
        },
        "model": classifier.embedder.fingerprint,
        "vote": {
            "neighbours": classifier.neighbours,
            "temperature": classifier.temperature,
            "identity_weight": classifier.identity_weight,
        },
        "confidence_threshold": dict(zip(ranks, least, strict=True)),
        "max_error": max_error,
        "bound": None if max_error is None else _BOUND,
        "records": tally.statuses.total(),
        "status": dict(sorted(tally.statuses.items())),
        "placed_at": {rank: tally.placed[rank] for rank in ranks},
        "novel_at": {rank: tally.novel[rank] for rank in ranks},
        "flags": dict(sorted(tally.flags.items())),
        "warnings": list(warnings),
        "seconds": {part: round(value, 3) for part, value in seconds.items()},
    }
