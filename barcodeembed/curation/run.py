"""An audit of an index: all findings, as a table, as rows, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, overload

from barcodeembed.curation.contaminants import find_contaminants
from barcodeembed.curation.discordance import find_bin_discordances, find_shared_barcodes
from barcodeembed.curation.findings import COLUMNS, Finding
from barcodeembed.curation.mislabelled import find_mislabelled
from barcodeembed.errors import InputError
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.vocabulary import NEIGHBOURS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False)
class Findings(Sequence[Finding]):
    """The findings of an audit, in the order of the table that ``index audit`` writes.

    ``references`` is the number of records that were checked. ``has_bins`` says whether any of them
    has a BIN, without which no ``bin_discordance`` can be found.
    """

    findings: tuple[Finding, ...]
    references: int
    has_bins: bool

    @property
    def counts(self) -> Counter[str]:
        """The number of findings of each kind."""
        return Counter(finding.kind for finding in self.findings)

    def to_frame(self) -> pd.DataFrame:
        """Return the findings as a pandas table, with the columns that ``index audit`` writes."""
        import pandas as pd

        rows = [finding.values() for finding in self.findings]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def rows(self) -> Iterator[Sequence[str]]:
        """Yield the header and one row of text per finding, as ``index audit`` writes them."""
        yield COLUMNS
        for finding in self.findings:
            yield finding.row()

    def summary(self) -> str:
        """Return the number of references and of findings as text."""
        listed = ", ".join(f"{count:,} {kind}" for kind, count in self.counts.most_common())
        return f"{self.references:,} references: {listed or 'no findings'}"

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @overload
    def __getitem__(self, number: int) -> Finding: ...

    @overload
    def __getitem__(self, number: slice) -> tuple[Finding, ...]: ...

    def __getitem__(self, number: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[number]

    def __repr__(self) -> str:
        return f"<Findings in {self.summary()}>"


def audit(
    index: ReferenceIndex | str | PathLike[str],
    *,
    neighbours: int = NEIGHBOURS,
    verify: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Findings:
    """Find records of an index whose names other records contradict. The index is not changed.

    >>> import barcodeembed as be
    >>> findings = be.audit("references.bix")                        # doctest: +SKIP
    >>> findings.to_frame().sort_values("strength")                  # doctest: +SKIP

    ``index`` is an open index or the path of a bundle. The ``neighbours`` nearest references of
    each barcode are compared with it, at least three. ``verify`` checks the checksums of the
    bundle. ``progress`` is called with (done, total) barcodes.

    Raises BundleError if the bundle cannot be read, and InputError if it is an index of prototypes
    or ``neighbours`` is too small.
    """
    if neighbours < 3:
        raise InputError(f"neighbours is {neighbours}; it must be at least 3")
    path = None if isinstance(index, ReferenceIndex) else fspath(index)
    opened = (
        index if isinstance(index, ReferenceIndex) else ReferenceIndex.open(index, verify=verify)
    )
    if opened.sequences is None:
        raise InputError("this is an index of prototypes, which contains no records to check", path)
    found = (
        *find_contaminants(opened),
        *find_mislabelled(opened, neighbours=neighbours, progress=progress),
        *find_shared_barcodes(opened),
        *find_bin_discordances(opened),
    )
    return Findings(found, len(opened.record_ids), bool(opened.sources.bins))
