"""The files of an evaluation, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING

from barcodeembed.errors import InputError

if TYPE_CHECKING:
    from barcodeembed.evaluation.protocols.splits import Splits
    from barcodeembed.taxonomy.references import LabelledRecord

Source = str | PathLike[str]


def ignore(*arguments: object) -> None:
    """Ignore a message or progress."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Labelled queries and references: paths, with the taxonomy that both share."""

    queries: Sequence[Source]
    references: Source | None
    taxonomy: Source | None
    taxdump: Source | None
    encoding: str

    def labelled(
        self, paths: Iterable[Source], say: Callable[[str], None] = ignore
    ) -> Iterator[LabelledRecord]:
        """Yield the records of files with their lineages; call ``say`` with the formats."""
        from barcodeembed.taxonomy.references import read_labelled

        for path in paths:
            yield from read_labelled(
                path,
                taxonomy=self.taxonomy,
                taxdump=self.taxdump,
                encoding=self.encoding,
                # A taxonomy may list references and queries: then each file lacks some of its ids.
                allow_missing=self.taxonomy is not None,
                recognised=lambda path, name: say(f"{called(path)}: read as {name}"),
            )

    def splits(self, max_bases: int) -> Splits:
        """Return the splits of a table, or those of references and queries."""
        from barcodeembed.evaluation.protocols.splits import derive_splits, read_splits

        if self.references is None:
            raise InputError("no file of references is given")
        if not self.queries:
            return read_splits(self.references, max_bases=max_bases, encoding=self.encoding)
        return derive_splits(
            self.labelled([self.references]), self.labelled(self.queries), max_bases=max_bases
        )


def called(path: Source) -> str:
    """Return the name of an input in messages."""
    return "standard input" if fspath(path) == "-" else fspath(path)
