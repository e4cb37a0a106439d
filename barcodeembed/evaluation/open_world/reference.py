"""An index that is built only for one evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.index.build import build_index
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.collect import BuildReport
from barcodeembed.taxonomy.references import LabelledRecord


def index_references(
    labelled: Iterable[LabelledRecord],
    model: str | PathLike[str] | None,
    *,
    name: str,
    whiten: int | None,
    offsets: int | None,
    device: str,
    verify: bool,
    seed: int,
    say: Callable[[str], None],
    warn: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> tuple[ReferenceIndex, Embedder]:
    """Build an index in memory, with the defaults of `index build`; ``name`` is for messages.

    ``model`` None is the COI model that ships. Raises ReferenceDataError, BundleError, InputError.
    """
    embedder = Embedder.load(model, device=device, verify=verify, offsets=offsets)
    report = BuildReport()
    index = build_index(
        labelled, embedder, report=report, progress=progress, whiten=whiten, seed=seed
    )
    for message in _warnings(report, name):
        warn(message)
    say(f"{name}: {report.used:,} references, {report.distinct:,} distinct barcodes")
    return index, embedder


def _warnings(report: BuildReport, name: str) -> Iterable[str]:
    if report.left_out:
        reasons = (f"{count:,} {reason}" for reason, count in report.left_out.most_common())
        yield (
            f"{name}: {report.left_out.total():,} of {report.records:,} records left out: "
            + ", ".join(reasons)
        )
    if report.conflicts:
        yield (
            f"{name}: {len(report.conflicts):,} taxa have conflicting parents; the parent of most "
            f"records is used; the first: {report.conflicts[0]}"
        )
