"""What commands tell of their input: its format, and counts of what was mended or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from os import PathLike

from barcodeembed.cli.console import console
from barcodeembed.sequences.records import SequenceRecord

#: Ids remembered to tell duplicates; beyond it memory would grow with the input.
_REMEMBERED = 200_000


def watch(records: Iterable[SequenceRecord], counts: Counter[str]) -> Iterator[SequenceRecord]:
    """Pass records through, counting them and those whose id was met before."""
    seen: set[str] = set()
    for record in records:
        counts["records"] += 1
        if record.id in seen:
            counts["duplicate ids"] += 1
        elif len(seen) < _REMEMBERED:
            seen.add(record.id)
        yield record


def warn_of_input(counts: Counter[str], source: str) -> None:
    """Warn of an empty input and of ids that are not unique."""
    if not counts["records"]:
        console.warn(f"{source}: 0 records")
    if counts["duplicate ids"]:
        console.warn(f"{source}: {counts['duplicate ids']:,} records repeat an earlier id")


def tell_format(path: str | PathLike[str], name: str) -> None:
    """Say in which format labelled records, or their lineages, were found to be."""
    console.say(f"{'standard input' if str(path) == '-' else path}: read as {name}")


def listed(counts: Counter[str]) -> str:
    """Write counts as ``3 short, 1 empty``, most frequent first."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
