"""Recognise that memory has run out, in the words of every library."""

from __future__ import annotations

import errno
import re

#: What torch, NumPy, the dynamic loader and the operating system write.
_WORDS = re.compile(
    r"can't allocate memory|not enough memory|out of memory|unable to allocate|"
    r"cannot allocate memory|failed to map segment|bad_alloc",
    re.IGNORECASE,
)

_ASKED = re.compile(r"allocate (\d[\d.]*) ?([KMGTPE]i?B|bytes)", re.IGNORECASE)


def describe_memory_error(error: Exception) -> str | None:
    """Return a line that says how much memory was asked for; None if it is another error.

    >>> describe_memory_error(RuntimeError("you tried to allocate 4000000000 bytes. Out of memory"))
    'out of memory: 4.00 GB more were needed; a smaller --batch-size needs less'
    >>> describe_memory_error(MemoryError())
    'out of memory; a smaller --batch-size needs less'
    >>> describe_memory_error(RuntimeError("another error"))
    """
    ran_out = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    if not ran_out and not _WORDS.search(str(error)):
        return None
    asked = _ASKED.search(str(error))
    needed = f": {_size(*asked.groups())} more were needed" if asked else ""
    return f"out of memory{needed}; a smaller --batch-size needs less"


def _size(number: str, unit: str) -> str:
    return f"{float(number) / 1e9:.2f} GB" if unit.lower() == "bytes" else f"{number} {unit}"
