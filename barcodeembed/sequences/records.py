"""Define the record that every sequence format is read into."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SequenceRecord:
    """One record as written in its file, before cleaning.

    `read_records` makes records. Make one yourself to give a sequence an id:

    >>> import barcodeembed as be
    >>> record = be.SequenceRecord("read_1", "ACGT")
    >>> record.id, record.length
    ('read_1', 4)

    Attributes:
        id: The header up to the first white space.
        sequence: The letters as written, up to the reader's limit.
        description: The rest of the header.
        line: The 1-based line of the header.
        length: Number of all letters, also of those beyond the limit; by default those of
            ``sequence``.
        flags: What the reader had to repair.
        fields: The columns of a table.
        error_rate: The expected fraction of wrong bases, by the qualities of FASTQ, or None.
    """

    id: str
    sequence: str
    description: str = ""
    line: int = 1
    length: int = -1
    flags: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    error_rate: float | None = None

    def __post_init__(self) -> None:
        if self.length < 0:
            object.__setattr__(self, "length", len(self.sequence))
