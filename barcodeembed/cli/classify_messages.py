"""What ``classify`` prints about the index that it uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from barcodeembed.cli.console import console
from barcodeembed.vocabulary import AUTO, COI, MARKERS

if TYPE_CHECKING:
    from barcodeembed.classify.markers import MarkerClassifier
    from barcodeembed.classify.pipeline import Classifier
    from barcodeembed.classify.read_errors import ReadErrors

_SOURCES = {
    "given": "as given",
    "qualities": "by their qualities",
    "estimated": "estimated from insertions, deletions and stop codons in them",
}
_PLURALS = {"species": "species", "genus": "genera", "order": "orders"}


def warn_of_ranks_without_names(classifier: Classifier, max_error: float | None) -> None:
    """Warn of the ranks where no confidence is high enough for ``--max-error``."""
    thresholds = zip(classifier.ranks, classifier.confidence_threshold, strict=True)
    ranks = [rank for rank, threshold in thresholds if threshold > 1]
    if ranks:
        console.warn(
            f"--max-error {max_error:g}: no name has enough confidence at {', '.join(ranks)}"
        )


def choose_marker(marker: str | None, model: Path | None) -> str:
    """Return the marker of the reads, if there is no index. A given model is that of COI."""
    return marker or (AUTO if model is None else COI)


def describe_coverage(classifier: MarkerClassifier) -> str:
    """Say how many taxa the shipped prototypes contain, so that nobody overrates a novel query."""
    taxa = classifier.index.taxa
    # As `info` and `models` count: names, of which a homonym in two kingdoms is one.
    counts = {rank: len(set(names)) for rank, names in zip(taxa.ranks, taxa.names, strict=True)}
    listed_counts = ", ".join(
        f"{counts[rank]:,} {plural}" for rank, plural in _PLURALS.items() if rank in counts
    )
    auto = classifier.auto
    chosen = "no --index" if auto else f"--marker {classifier.marker}"
    others = f" (and others of {', '.join(m for m in MARKERS if m != COI)})" if auto else ""
    return (
        f"{chosen}: using the prototypes that ship with barcodeembed, which contain "
        f"{listed_counts} of {classifier.marker}{others}; a taxon that they lack is reported as "
        "novel"
    )


def tell_sample(classifier: Classifier, sample: str | None) -> None:
    """Print what was found in the reads of a sample: their amplicon, and their error rate."""
    within = f"{sample}: " if sample else ""
    if classifier.found_amplicon:
        console.say(f"{within}--amplicon auto: {classifier.found_amplicon}")
    errors = classifier.read_errors
    if errors and errors.rate >= 0.001:
        console.say(f"{within}{describe_errors(errors)}")


def describe_errors(errors: ReadErrors) -> str:
    """Say which error rate of the reads confidence takes into account, and where it is from."""
    over = "over " if errors.excess > 1 else ""
    return f"error rate of the reads: {over}{100 * errors.rate:.1f}% ({_SOURCES[errors.source]})"
