"""The samples of a run of ``classify``, and what is printed about them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from barcodeembed.cli.checks import refuse_overwriting
from barcodeembed.cli.console import console
from barcodeembed.cli.messages import warn_of_input, watch
from barcodeembed.errors import InputError
from barcodeembed.sequences.containers import STDIN

if TYPE_CHECKING:
    from barcodeembed.classify.columns import Controls
    from barcodeembed.classify.counts import Counts
    from barcodeembed.classify.samples import Sample
    from barcodeembed.classify.unit_registry import UnitRegistry
    from barcodeembed.sequences.records import SequenceRecord
    from barcodeembed.taxonomy.identifiers import TaxonIds


def check_reads(reads: Sequence[str] | None, sheet: Path | None, counts: Path | None) -> None:
    """Raise a usage error unless there are either files or a sheet of samples."""
    if not reads and sheet is None:
        raise typer.BadParameter("Missing argument 'READS...'; give it, or --samples SHEET")
    if reads and sheet is not None:
        raise typer.BadParameter("give either READS or --samples", param_hint="--samples")
    if counts is not None and (sheet is not None or len(reads or ()) > 1):
        raise typer.BadParameter(
            "needs one file of READS, the sequences that the table counts", param_hint="--counts"
        )
    if reads and list(reads).count("-") > 1:
        raise typer.BadParameter("- (standard input) can be read once", param_hint="READS...")


def find_samples(
    reads: Sequence[str] | None, sheet: Path | None, outputs: Sequence[Path | str | None]
) -> list[Sample]:
    """Return the samples, and refuse outputs that would overwrite their files.

    Raises InputError if a file is missing, before the first is read.
    """
    from barcodeembed.classify.samples import read_sheet, samples_of

    refuse_overwriting(outputs, [*(reads or ()), sheet])
    samples = read_sheet(sheet) if sheet else samples_of(list(reads or ()))
    files = [file for sample in samples for file in sample.files]
    refuse_overwriting(outputs, files)
    for file in files:
        if file != STDIN:
            _require(file)
    return samples


def _require(file: str) -> None:
    try:
        os.stat(file)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file) from None


class Inputs:
    """Reads the files of a run, and counts their records."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._counts: dict[str, Counter[str]] = {}

    def read(self, path: str) -> Iterator[SequenceRecord]:
        """Yield the records of a file."""
        from barcodeembed.sequences.reading import read_records

        counts = self._counts.setdefault(path, Counter())
        return watch(read_records(path, encoding=self._encoding), counts)

    @property
    def names(self) -> str:
        """The files that were read so far."""
        return ", ".join(self._counts)

    @property
    def records(self) -> int:
        """Number of records that were read."""
        return sum(counts["records"] for counts in self._counts.values())

    def warn(self) -> None:
        """Warn of files without records, and of repeated ids."""
        for path, counts in self._counts.items():
            warn_of_input(counts, path)


def find_controls(
    names: Sequence[str] | None, samples: Sequence[Sample], counts: Counts | None
) -> Controls | None:
    """Return the negative controls of a run; a usage error if there is no such sample."""
    if not names:
        return None
    from barcodeembed.classify.columns import Controls

    controls = Controls(names, counts)
    known = counts.samples if counts else [sample.name for sample in samples]
    if unknown := controls.unknown(known):
        raise typer.BadParameter(
            f"there is no sample {unknown[0]!r}; the samples are {', '.join(known[:20])}",
            param_hint="--negative-control",
        )
    return controls


def warn_of_counts(counts: Counts) -> None:
    """Warn of sequences that the reads or the table of counts lack."""
    if counts.missing:
        first = min(counts.missing)
        console.warn(
            f"{counts.path}: {len(counts.missing):,} records are not in the table, as {first!r}"
        )
    if counts.unused:
        first = min(counts.unused)[:40]
        console.warn(
            f"{counts.path}: {len(counts.unused):,} sequences are not in the reads, as {first!r}"
        )


def warn_of_ids(ids: TaxonIds) -> None:
    """Warn of names in the rows that the table of identifiers lacks."""
    if ids.missing:
        total, first = len(ids.missing) + len(ids.found), min(ids.missing)
        console.warn(
            f"{ids.path}: {len(ids.missing):,} of {total:,} names have no id, as {first!r}"
        )


def tell_units(registry: UnitRegistry) -> None:
    """Print how many units a run has added to the registry."""
    new = len(registry.units) - registry.known
    console.say(f"{registry.path}: {registry.known:,} units were known, {new:,} are new")
