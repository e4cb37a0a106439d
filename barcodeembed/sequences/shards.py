"""Outputs of the shards of an input, and how they are joined again.

Next to its output, a shard has a file ``OUTPUT.shard.json`` with what it is a shard of: the input,
the version, and all settings that its rows depend on. It is written last, so a shard without it did
not finish.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

from barcodeembed.bundles.files import replace_file
from barcodeembed.bundles.manifest import digest_file
from barcodeembed.bundles.sums import read_with_sum, with_sum
from barcodeembed.errors import BundleError, InputError
from barcodeembed.sequences.containers import is_damage, open_source

Item = TypeVar("Item")

SUFFIX = ".shard.json"

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Shard:
    """What is known of the output of one shard.

    Attributes:
        shard: Its number, from 1.
        shards: The number of all shards.
        records: The number of its records.
        input: The number of ``records`` of the whole input, and their ``sha256``.
        settings: What the rows depend on: the version, and the options of the command.
        files: The names of its files, each with its sha256.
    """

    shard: int
    shards: int
    records: int
    input: dict[str, Any]
    settings: dict[str, Any]
    files: dict[str, str]

    @property
    def expected(self) -> int:
        """The number of records that this shard of the input must have."""
        return len(range(self.shard - 1, self.input["records"], self.shards))


def write_shard(output: str | os.PathLike[str], files: Sequence[Path], **fields: Any) -> None:
    """Describe a finished output; ``fields`` are those of `Shard` other than its files."""
    sums = {path.name: digest_file(path) for path in files}
    described = {"format_version": _FORMAT, **asdict(Shard(files=sums, **fields))}
    with replace_file(f"{output}{SUFFIX}") as stream:
        stream.write(with_sum(described))


def forget_shard(output: str | os.PathLike[str]) -> None:
    """Delete the description of an earlier output, so that it is not taken for one of the next."""
    Path(f"{output}{SUFFIX}").unlink(missing_ok=True)


def read_shard(output: str | os.PathLike[str]) -> Shard:
    """Read the description of an output, and check its files. Raises InputError if one differs."""
    path = Path(f"{output}{SUFFIX}")
    if not path.exists():
        raise InputError(
            f"has no {path.name}; it is no output of --shard, or that run did not finish", output
        )
    try:
        described = read_with_sum(path)
    except BundleError:
        raise InputError("damaged; run this shard again", path) from None
    version = described.pop("format_version", None)
    if version != _FORMAT:
        raise InputError(f"has format {version}, which this version cannot read", path)
    shard = Shard(**described)
    for name, digest in shard.files.items():
        file = path.with_name(name)
        if not file.is_file() or digest_file(file) != digest:
            raise InputError("is not what its run wrote; run this shard again", file)
    return shard


def sort_shards(outputs: Iterable[str]) -> list[tuple[str, Shard]]:
    """Return the outputs of all shards of one input, in order, with their descriptions.

    Raises InputError if a shard is missing, given twice, incomplete, or of another run.
    """
    found = [(output, read_shard(output)) for output in outputs]
    by_number: dict[int, str] = {}
    path, first = found[0]
    for output, shard in found:
        _refuse_other(output, shard, path, first)
        if other := by_number.get(shard.shard):
            raise InputError(f"is shard {shard.shard}, as {other} is", output)
        by_number[shard.shard] = output
        if shard.records != shard.expected:
            raise InputError(f"has {shard.records:,} records, not {shard.expected:,}", output)
    missing = [str(i) for i in range(1, first.shards + 1) if i not in by_number]
    if missing:
        raise InputError(f"shard {', '.join(missing)} of {first.shards} is missing")
    return sorted(found, key=lambda pair: pair[1].shard)


def _refuse_other(output: str, shard: Shard, path: str, first: Shard) -> None:
    if shard.shards != first.shards:
        raise InputError(f"is one of {shard.shards} shards, but {path} of {first.shards}", output)
    if shard.input != first.input:
        raise InputError(f"is of another input than {path}", output)
    names = {**shard.settings, **first.settings}
    for name in names:
        one, other = (each.settings.get(name) for each in (shard, first))
        if one != other:
            called = name.replace("_", "-")
            raise InputError(f"has another {called} than {path}: {one}, not {other}", output)


def alternate(shards: Sequence[Iterable[Item]]) -> Iterator[Item]:
    """Yield the items of shards in the order of the input.

    >>> list(alternate(["adg", "be", "cf"]))
    ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    """
    for items in cycle([iter(shard) for shard in shards]):
        try:
            yield next(items)
        except StopIteration:
            return


def join_tables(shards: Sequence[tuple[str, Shard]]) -> Iterator[str]:
    """Yield the lines of the table of the whole input: one header, and the rows in order.

    The tables can be compressed. Raises InputError if their headers or numbers of rows are wrong.
    """
    tables = [_lines(path) for path, _ in shards]
    headers = [next(table, "") for table in tables]
    for (path, _), header in zip(shards, headers, strict=True):
        if header != headers[0]:
            raise InputError(f"has other columns than {shards[0][0]}", path)
    yield headers[0]
    rows = 0
    for line in alternate(tables):
        yield line
        rows += 1
    records = shards[0][1].input["records"]
    if rows != records:
        raise InputError(f"the shards have {rows:,} rows for {records:,} records")


def _lines(path: str) -> Iterator[str]:
    try:
        with (
            open_source(path)[0] as stream,
            io.TextIOWrapper(stream, "utf-8", newline="\n") as text,
        ):
            yield from text
    except (OSError, EOFError, ValueError) as error:
        if not is_damage(error) and not isinstance(error, ValueError):
            raise
        raise InputError("damaged; run this shard again", path) from None
