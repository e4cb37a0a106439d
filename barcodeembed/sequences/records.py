"""Define the record that every sequence format is read into."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SequenceRecord:
    """One record as written in its file, before cleaning.

    ``id`` is the header up to the first white space, and ``description`` is the rest. ``sequence``
    contains the letters as written, up to the reader's limit; ``length`` counts all letters.
    ``line`` is the 1-based line of the header. ``flags`` lists what the reader had to repair, and
    ``fields`` contains the columns of a table.
    """

    id: str
    description: str
    sequence: str
    line: int
    length: int
    flags: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
