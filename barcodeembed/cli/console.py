"""What goes to standard error: messages, warnings and progress. Standard output is for data."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PROGRAM = "barcodeembed"


@dataclass(slots=True)
class Console:
    """The one voice of the command line; ``--quiet``, ``--verbose`` and ``--debug`` set it."""

    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    _said: dict[str, None] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """The warnings so far, in order."""
        return list(self._said)

    def say(self, message: str) -> None:
        """Tell the user what happened, unless quiet."""
        if not self.quiet:
            self._write(message)

    def detail(self, message: str) -> None:
        """Tell what only a curious user asks for."""
        if self.verbose:
            self._write(message)

    def warn(self, message: str) -> None:
        """Warn, once for one text; quiet does not silence a warning."""
        if message not in self._said:
            self._said[message] = None
            self._write(f"{PROGRAM}: warning: {message}")

    def error(self, message: str) -> None:
        self._write(f"{PROGRAM}: error: {message}")

    @property
    def live(self) -> bool:
        """A bar is drawn on a terminal that can redraw a line, and nowhere else."""
        terminal = sys.stderr is not None and sys.stderr.isatty()
        return not self.quiet and terminal and os.environ.get("TERM") != "dumb"

    @contextmanager
    def progress(
        self, what: str, total: int | None = None, output: str = ""
    ) -> Iterator[Callable[..., None]]:
        """Give a function to be told ``(done)`` or ``(done, total)``; it draws a bar if live.

        Rows that go to the terminal themselves (``output`` is ``-``) are progress enough.
        """
        if not self.live or (output == "-" and sys.stdout.isatty()):
            yield lambda done, total=None: None
            return
        from rich.console import Console as RichConsole
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=RichConsole(stderr=True),
            transient=True,
        )
        with bar:
            task = bar.add_task(what, total=total, note="")

            def told(done: int, total: int | None = total, note: str = "") -> None:
                bar.update(task, completed=done, total=total, note=note)

            yield told

    def _write(self, message: str) -> None:
        if sys.stderr is not None:  # closed (2>&-), where print would turn to standard output
            print(message, file=sys.stderr, flush=True)


console = Console()
