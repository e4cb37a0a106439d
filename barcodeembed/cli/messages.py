"""Messages about the input: its format, and what was changed or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING

from barcodeembed.cli.console import console
from barcodeembed.errors import InputError
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.vocabulary import INPUT_FLAGS

if TYPE_CHECKING:
    from barcodeembed.index.bundle import ReferenceIndex
    from barcodeembed.index.collect import BuildReport
    from barcodeembed.taxonomy.names import NameNotes

#: Maximum number of ids kept to find duplicates, so that memory does not grow with the input.
_MAX_IDS = 200_000

#: Maximum number of ids, and of names, in a message.
_MAX_SHOWN, _MAX_NAMES = 20, 5


def watch(records: Iterable[SequenceRecord], counts: Counter[str]) -> Iterator[SequenceRecord]:
    """Yield the records; count them, and those that repeat the id of an earlier record."""
    seen: set[str] = set()
    for record in records:
        counts["records"] += 1
        if record.id in seen:
            counts["duplicate ids"] += 1
        elif len(seen) < _MAX_IDS:
            seen.add(record.id)
        yield record


def refuse_flagged(source: str, record: str, flags: Iterable[str]) -> None:
    """With ``--strict``, raise InputError if a record was changed or refused."""
    found = [flag for flag in flags if flag in INPUT_FLAGS]
    if console.strict and found:
        raise InputError(f"{', '.join(found)} (an error because of --strict)", source, None, record)


def warn_of_input(counts: Counter[str], source: str) -> None:
    """Warn of an empty input and of repeated ids."""
    if not counts["records"]:
        console.warn(f"{_called(source)}: 0 records")
    if counts["duplicate ids"]:
        console.warn(f"{_called(source)}: {counts['duplicate ids']:,} records repeat an earlier id")


def tell_format(path: str | PathLike[str], name: str) -> None:
    """Print the format in which labelled records, or their lineages, were read."""
    console.say(f"{_called(path)}: read as {name}")


def warn_of_build(report: BuildReport, source: str | None = None) -> None:
    """Warn of records that were left out of an index, and of taxa with several parents."""
    if report.left_out:
        console.warn(
            f"{f'{_called(source)}: ' if source else ''}{report.left_out.total():,} of "
            f"{report.records:,} records left out: {listed(report.left_out)}"
        )
    _list_names(report.names)
    if report.contaminants:
        _list_contaminants(report.contaminants)
    if report.conflicts:
        console.warn(
            f"{len(report.conflicts):,} taxa have conflicting parents, resolved "
            f"by majority; the first: {report.conflicts[0]}; --verbose lists them"
        )
        for conflict in report.conflicts:
            console.detail(f"  {conflict}")


#: What is said of each kind of names that were changed or not read.
_UNREAD = {
    "reduced": "names of species were reduced to genus and epithet ({times})",
    "placeholders": "names are no names of taxa ({times}), and their ranks were left empty",
    "uncertain": "names have no certain rank in a list without ranks ({times}), and were left out "
    "(--ranks gives the ranks)",
    "prefixes": "rank prefixes are not known ({times}), and the names after them were left out",
}


def _list_names(notes: NameNotes) -> None:
    """Print which names were not read: some, or all with ``--verbose``."""
    for kind, message in _UNREAD.items():
        counts = getattr(notes, kind)
        if names := list(counts):
            shown = [repr(name) for name in names[:_MAX_NAMES]]
            times = message.format(times=f"{counts.total():,} times")
            _list(console.say, f"{len(names):,} {times}", names, shown)


def _list_contaminants(ids: list[str]) -> None:
    """Print which references are of a contaminant: all with ``--verbose``."""
    _list(
        console.warn,
        f"{len(ids):,} references are of a known contaminant (human, bacteria, plant) and have "
        "another name, so they were left out",
        ids,
        ids[:_MAX_SHOWN],
    )


def _list(
    tell: Callable[[str], None], message: str, items: Sequence[str], shown: Sequence[str]
) -> None:
    """Print a message with the first items as they are ``shown``, and all with ``--verbose``."""
    more = ", ...; --verbose lists all" if len(items) > len(shown) else ""
    tell(f"{message}: {', '.join(shown)}{more}")
    if more:
        for item in items:
            console.detail(f"  {item}")


def lowest_taxa(index: ReferenceIndex) -> str:
    """Return how many taxa an index has at its lowest rank, as text."""
    return f"{len(index.taxa.names[-1]):,} taxa at rank {index.taxa.ranks[-1]}"


def _called(path: str | PathLike[str]) -> str:
    """Return the name of an input for messages."""
    return "standard input" if str(path) == "-" else str(path)


def listed(counts: Counter[str]) -> str:
    """Return counts as ``3 short, 1 empty``, most frequent first."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
