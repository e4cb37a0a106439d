"""The record that every sequence format is read into."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SequenceRecord:
    """One record as it stands in its file, before cleaning.

    ``id`` is the header up to the first white space and ``description`` the rest. ``sequence``
    holds the letters as written, at most the reader's limit of them; ``length`` counts all.
    ``line`` is the 1-based line of the header. ``fields`` holds the columns of a table, and
    ``flags`` what the reader had to mend.
    """

    id: str
    description: str
    sequence: str
    line: int
    length: int
    flags: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
