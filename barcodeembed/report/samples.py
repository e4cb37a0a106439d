"""The sample of a query: from the name of the file, or from a pattern in the query id."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import PurePath

from barcodeembed.errors import InputError
from barcodeembed.sequences.containers import STDIN

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


def sample_name(source: str | os.PathLike[str]) -> str:
    """Return the name of a file without its suffix and the suffix of its compression.

    >>> sample_name("run/S1.names.tsv.gz")
    'S1.names'
    """
    if os.fspath(source) == STDIN:
        return "stdin"
    path = PurePath(source)
    return PurePath(path.stem).stem if path.suffix in _COMPRESSED else path.stem


def sample_names(sources: Sequence[str]) -> list[str]:
    """Return the sample of each file. Raises InputError if two files would be the same sample."""
    names = [sample_name(source) for source in sources]
    for number, name in enumerate(names):
        if name in names[:number]:
            first = sources[names.index(name)]
            raise InputError(
                f"{first} and {sources[number]} would both be the sample {name}; "
                "rename one, or give --sample-pattern"
            )
    return names


def found_by(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    """Return a function from a query id to the text of the pattern's one group, or None.

    >>> found_by(re.compile("sample=([^;]+)"))("q1;sample=S1;size=4")
    'S1'
    """

    def sample_of(query_id: str) -> str | None:
        match = pattern.search(query_id)
        return (match[1] or None) if match else None

    return sample_of
