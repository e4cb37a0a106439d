"""Show progress where there is no command line, for example in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

#: False for silence, True for a counter on standard error, or a function of (done, total).
#: The total is 0 if it is not known.
Progress: TypeAlias = bool | Callable[[int, int], None]


@contextmanager
def reporting(what: str, progress: Progress) -> Iterator[Callable[[int, int], None]]:
    """Give the function to call with ``(done, total)``.

    >>> with reporting("embedding", False) as report:
    ...     report(1, 10)
    """
    if callable(progress):
        yield progress
    elif not progress or sys.stderr is None:
        yield lambda done, total: None
    else:

        def show(done: int, total: int) -> None:
            of_total = f" of {total:,}" if total else ""
            print(f"\r{what}: {done:,}{of_total}", end="", file=sys.stderr, flush=True)

        yield show
        print(file=sys.stderr)
