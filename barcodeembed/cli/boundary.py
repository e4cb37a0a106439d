"""The one place where errors become a line on standard error and an exit code.

0 success, 1 data or runtime error, 2 usage (Typer's own), 130 Ctrl-C, 141 the reader closed the
pipe, 143 SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from barcodeembed.cli.console import console
from barcodeembed.errors import BarcodeEmbedError


class Terminated(BaseException):
    """SIGTERM, raised where it strikes so that clean-up runs as for any other exit."""


@contextmanager
def boundary() -> Iterator[None]:
    """Run a command inside; anything expected that escapes it ends the process properly."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BarcodeEmbedError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        console.error("interrupted")
        sys.exit(130)
    except Terminated:
        console.error("terminated")
        sys.exit(143)
    except BrokenPipeError:
        _abandon_output()  # the reader has left
        sys.exit(141)
    except MemoryError:
        _fail("out of memory; a smaller --batch-size needs less")
    except OSError as error:
        name = str(error.filename)
        if error.filename is None:
            name = "standard output"
            _abandon_output()
        _fail(f"{name}: {error.strerror or error}")


@contextmanager
def signals_held() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait while torch is loaded, whose start-up aborts at an exception."""
    caught: list[int] = []
    before = {
        number: signal.signal(number, lambda signum, frame: caught.append(signum))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        signal.raise_signal(caught[0])


def _fail(message: str) -> None:
    if console.debug:
        raise  # noqa: PLE0704 - called from the handlers above, inside their exception
    console.error(message)
    sys.exit(1)


def _abandon_output() -> None:
    """Send what standard output still holds nowhere, or the interpreter fails to write it."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _warn(message: Warning | str, *where) -> None:
    console.warn(str(message))


def _terminate(signum, frame) -> None:
    raise Terminated
