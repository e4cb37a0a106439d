"""Write messages, warnings and progress to standard error. Standard output is for data."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shlex import join
from typing import BinaryIO, TextIO

from barcodeembed import __version__
from barcodeembed.errors import InputError, printable

PROGRAM = "barcodeembed"


@dataclass(slots=True)
class Console:
    """Everything that a command prints on standard error.

    ``--quiet``, ``--verbose``, ``--debug`` and ``--strict`` set the attributes. ``arguments`` are
    those of the command line. A message that cannot be written, to a full disk, does not stop the
    command, but `close` returns False.
    """

    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    strict: bool = False
    arguments: list[str] = field(default_factory=list)
    _log: BinaryIO | None = None
    _said: dict[str, None] = field(default_factory=dict)
    _complete: bool = True

    def reset(self) -> None:
        """Forget the options and warnings of an earlier command in the same process."""
        self.quiet = self.verbose = self.debug = self.strict = False
        self._said.clear()
        self._complete = True

    @property
    def warnings(self) -> list[str]:
        """The warnings of this command so far, in order."""
        return list(self._said)

    def say(self, message: str) -> None:
        """Print a message, unless quiet."""
        self._write(message, shown=not self.quiet)

    def detail(self, message: str) -> None:
        """Print a detail, if verbose."""
        self._write(message, shown=self.verbose)

    def warn(self, message: str) -> None:
        """Print a warning. A text is printed only once. Quiet does not suppress warnings.

        With ``--strict``, raise InputError instead.
        """
        if self.strict:
            raise InputError(f"{message} (an error because of --strict)")
        if message not in self._said:
            self._said[message] = None
            self._write(f"{PROGRAM}: warning: {message}")

    def error(self, message: str) -> None:
        """Print an error."""
        self._write(f"{PROGRAM}: error: {message}")

    @property
    def live(self) -> bool:
        """Whether standard error is a terminal that can redraw a line, for a progress bar."""
        terminal = sys.stderr is not None and sys.stderr.isatty()
        return not self.quiet and terminal and os.environ.get("TERM") != "dumb"

    @contextmanager
    def progress(
        self, what: str, total: int | None = None, output: str = ""
    ) -> Iterator[Callable[..., None]]:
        """Return a context with a function to call with ``(done)`` or ``(done, total)``.

        It draws a progress bar if `live`. No bar is drawn if the rows themselves go to the terminal
        (``output`` is ``-``).
        """
        with self.steps(output) as begin:
            yield begin(what, total)

    @contextmanager
    def steps(self, output: str = "") -> Iterator[Callable[..., Callable[..., None]]]:
        """Return a context with a function that begins a step, and returns what `progress` does.

        All steps have the same bar.
        """
        if not self.live or (output == "-" and sys.stdout.isatty()):
            yield lambda what, total=None: lambda done, total=None: None
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

            def begin(what: str, total: int | None = None) -> Callable[..., None]:
                for ended in bar.task_ids:
                    bar.remove_task(ended)
                task = bar.add_task(what, total=total, note="")

                def update(done: int, total: int | None = total, note: str = "") -> None:
                    bar.update(task, completed=done, total=total or None, note=note)

                return update

            yield begin

    def open_log(self, path: Path) -> None:
        """Append all messages from now on to a file, after the version and the command."""
        self._log = open(path, "ab")
        command = printable(join([PROGRAM, *self.arguments]))
        self._record(f"{PROGRAM} {__version__}: {command}")

    def close(self, code: int) -> bool:
        """Record the exit code, and close the log. Return whether all messages were written."""
        self._record(f"exit code {code}")
        if self._log is not None:
            with self._log_errors():
                self._log.close()
            self._log = None
        return self._complete

    def _record(self, message: str) -> None:
        if self._log is None:
            return
        time = datetime.now(UTC).isoformat(timespec="seconds")
        with self._log_errors():
            self._log.write(f"{time} {message}\n".encode())
            self._log.flush()

    @contextmanager
    def _log_errors(self) -> Iterator[None]:
        """End the log, and not the command, if it cannot be written."""
        assert self._log is not None
        log = self._log
        try:
            yield
        except OSError as error:
            self._log, self._complete = None, False
            with suppress(OSError):
                log.close()
            self._write(
                f"{PROGRAM}: error: {log.name}: cannot be written: {error.strerror}; the log ends "
                "here, and the exit code will not be 0"
            )

    def _write(self, message: str, *, shown: bool = True) -> None:
        message = printable(message)
        self._record(message)
        if not shown or sys.stderr is None:  # if closed (2>&-), print would use standard output
            return
        try:
            print(message, file=sys.stderr, flush=True)
        except OSError as error:
            abandon(sys.stderr)
            if isinstance(error, BrokenPipeError):
                raise
            self._complete = False


def abandon(stream: TextIO | None) -> None:
    """Discard what a stream could not write, which the interpreter would try again at exit."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


console = Console()
