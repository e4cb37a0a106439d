"""Recognise that memory has run out, in the words of every library."""

from __future__ import annotations

import re

from barcodeembed.errors import ran_out_of_memory

_ASKED = re.compile(r"allocate (\d[\d.]*) ?([KMGTPE]i?B|bytes)", re.IGNORECASE)


def describe_memory_error(error: Exception) -> str | None:
    """Return a line that says how much memory was asked for; None if it is another error.

    >>> describe_memory_error(RuntimeError("you tried to allocate 4000000000 bytes. Out of memory"))
    'out of memory: 4.00 GB more were needed; a smaller --batch-size needs less'
    >>> describe_memory_error(MemoryError())
    'out of memory; a smaller --batch-size needs less'
    >>> describe_memory_error(RuntimeError("another error"))
    """
    if not ran_out_of_memory(error):
        return None
    asked = _ASKED.search(str(error))
    needed = f": {_size(*asked.groups())} more were needed" if asked else ""
    return f"out of memory{needed}; a smaller --batch-size needs less"


def _size(number: str, unit: str) -> str:
    """Return a size as it is printed.

    >>> _size("70000", "bytes"), _size("4000000", "bytes"), _size("2.50", "GiB")
    ('70 kB', '4 MB', '2.50 GiB')
    """
    if unit.lower() != "bytes":
        return f"{number} {unit}"
    size = float(number)
    for name, step in (("GB", 1e9), ("MB", 1e6)):
        if size >= step:
            return f"{size / step:.2f} {name}" if name == "GB" else f"{size / step:.0f} {name}"
    return f"{size / 1e3:.0f} kB"
