"""The work of a command on a part of its input: where it writes, and where it continues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from barcodeembed.bundles.partial import Partial, open_partial
from barcodeembed.cli.console import console
from barcodeembed.sequences.counting import count_records
from barcodeembed.sequences.parts import ALL, InputDigest, Part
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.shards import forget_shard, write_shard

Counts = Mapping[str, Counter[str]]


class Work:
    """What a command has done of its part of the input.

    Attributes:
        part: The records that are still to be answered.
        partial: The unfinished output, with ``--resume``, or None.
        is_new: Whether no earlier run has written anything.
        done: The number of records of the part that are answered.
        stored: Those of them that are on disk.

    ``counts`` are what the command counts, by name. Those of an interrupted run are added to them.
    ``block`` is the number of records after which the output is stored.
    """

    def __init__(
        self, part: Part, counts: Counts, block: int, partial: Partial | None = None
    ) -> None:
        state = partial.state if partial else {}
        self.is_new = not state
        self.done: int = state.get("done", 0)
        self.part, self.partial = replace(part, done=self.done), partial
        self._counts, self._block = counts, block
        for name, stored in state.get("counts", {}).items():
            counts[name].update(stored)
        read = state.get("input")
        self._digest = InputDigest((read["records"], read["sha256"]) if read else None)
        self._watched = partial is not None or part != ALL
        self.stored = self.done

    def watch(self, records: Iterator[SequenceRecord]) -> Iterator[SequenceRecord]:
        """Yield all records of the input, and check that they are those of the earlier run."""
        return self._digest.watch(records) if self._watched else records

    def expected(self, files: Iterable[str]) -> int | None:
        """Return the number of records of the part, for a progress bar; None if it is not known."""
        if not console.live:
            return None
        counts = [count_records(file) for file in files]
        known = [count for count in counts if count is not None]
        if len(known) < len(counts):
            return None
        return len(range(self.part.shard - 1, sum(known), self.part.shards))

    def add(self, records: int) -> None:
        """Count records that are answered and written; store them if a block is complete."""
        self.done += records
        if self.done - self.stored >= self._block:
            self._store()

    def of(self, records: int) -> str:
        """Return the number of answered records, of all that were read, as text."""
        return f"{records:,}" if self.done == records else f"{self.done:,} of {records:,}"

    def finish(self) -> None:
        """Store the last rows. Raises InputError if the input ended before the earlier run."""
        self._digest.finish()
        self._store()

    def _store(self) -> None:
        if self.partial:
            counts = {name: dict(counter) for name, counter in self._counts.items()}
            self.partial.commit({"done": self.done, "input": self._read(), "counts": counts})
        self.stored = self.done

    def _read(self) -> dict[str, Any]:
        return {"records": self._digest.records, "sha256": self._digest.value}

    def describe(self, output: str, files: Sequence[Path], settings: dict[str, Any]) -> None:
        """Write next to the output which shard it is, and of what."""
        write_shard(
            output,
            files,
            shard=self.part.shard,
            shards=self.part.shards,
            records=self.done,
            input=self._read(),
            settings=settings,
        )


@contextmanager
def open_work(
    output: str,
    part: Part,
    settings: dict[str, Any],
    counts: Counts,
    *,
    block: int,
    unfinished: Sequence[str] = (),
    files: Sequence[Path],
) -> Iterator[Work]:
    """Begin or continue the work on a part of the input.

    ``unfinished`` are the names of the files of the unfinished output, with ``--resume``, and
    ``files`` are the complete ones. When all is done, a shard is described, and the unfinished
    output is deleted.
    """
    with ExitStack() as stack:
        partial = None
        if unfinished:
            run = {**settings, "shard": f"{part.shard}/{part.shards}", "files": list(unfinished)}
            partial = stack.enter_context(open_partial(output, run, unfinished))
        if part != ALL:
            forget_shard(output)
        work = Work(part, counts, block, partial)
        if work.done:
            console.say(f"{output}: {work.done:,} records are done; continuing after them")
        try:
            yield work
        except BaseException:
            if partial:
                console.say(f"{partial.folder}: {work.stored:,} records are kept for --resume")
            raise
        if part != ALL:
            work.describe(output, files, settings)
        if partial:
            partial.remove()
