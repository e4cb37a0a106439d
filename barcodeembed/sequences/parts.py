"""A part of the records of an input: one of several shards, or what an interrupted run left."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from barcodeembed.errors import InputError
from barcodeembed.sequences.records import SequenceRecord

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Part:
    """Some records of an input, chosen by their number alone.

    Shard ``shard`` of ``shards``, both counted from 1, has every ``shards``-th record. Of these,
    the first ``done`` are left out. ``first`` is the number of the first record of a stream, if
    other streams of the input precede it.

    >>> list(Part(2, 3).of("abcdefgh"))
    ['b', 'e', 'h']
    >>> list(Part(2, 3, done=1).of("abcdefgh"))
    ['e', 'h']
    """

    shard: int = 1
    shards: int = 1
    done: int = 0
    first: int = 0

    def has(self, i: int) -> bool:
        """Return whether the part has record ``i`` of the stream, counted from 0."""
        number = self.first + i
        return number % self.shards == self.shard - 1 and number // self.shards >= self.done

    def of(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield those items, of the records of a stream, that are of the part."""
        return _Chosen(self.has, iter(items))

    def after(self, records: int) -> Part:
        """Return the part of what follows ``records`` records of the stream."""
        return replace(self, first=self.first + records)


class Flagged:
    """A part of a stream for each record of which there is a flag, in order.

    ``flags`` has those of the records that were not yet asked for.
    """

    def __init__(self) -> None:
        self.flags: deque[bool] = deque()

    def has(self, i: int) -> bool:
        """Return the flag of the next record."""
        return self.flags.popleft()

    def of(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items with a flag that is true."""
        return _Chosen(self.has, iter(items))

    def after(self, records: int) -> Flagged:
        """Return the part of what follows; its flags are the next ones."""
        return self


class _Chosen(Iterator[Item]):
    """Items that are chosen by number. Like the items themselves, it can go on after it stopped."""

    def __init__(self, chosen: Callable[[int], bool], items: Iterator[Item]) -> None:
        self._chosen, self._items, self._count = chosen, items, 0

    def __next__(self) -> Item:
        while True:
            item = next(self._items)
            self._count += 1
            if self._chosen(self._count - 1):
                return item


#: All records.
ALL = Part()


class InputDigest:
    """Identifies the records of an input, whatever its compression, line wrapping and format.

    Args:
        expected: Number and digest of the records that an interrupted run had read. They must be
            the same again.
    """

    def __init__(self, expected: tuple[int, str] | None = None) -> None:
        self.records = 0
        self._hash = hashlib.sha256()
        self._expected = expected or (0, self.value)

    @property
    def value(self) -> str:
        """The digest of the records that were read so far, in hexadecimal."""
        return self._hash.hexdigest()

    def watch(self, records: Iterable[SequenceRecord]) -> Iterator[SequenceRecord]:
        """Yield the records. Raises InputError if they are not those that are expected."""
        number, digest = self._expected
        begin = "\f" if self.records else ""  # where the next file of an input begins
        for record in records:
            text = f"{begin}{record.id}\t{record.sequence}\t{record.length}\t{record.error_rate}\n"
            self._hash.update(text.encode("utf-8", "surrogatepass"))
            self.records += 1
            begin = ""
            if self.records == number and self.value != digest:
                self._refuse(number)
            yield record

    def finish(self) -> None:
        """Raise InputError if the input ended before the records that are expected."""
        if self.records < self._expected[0]:
            self._refuse(self._expected[0])

    def _refuse(self, number: int) -> None:
        raise InputError(
            f"the first {number:,} records are not those of the interrupted run; give the same "
            "input, or delete the unfinished output to start again"
        )
