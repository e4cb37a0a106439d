"""Turn errors into a line on standard error and an exit code. This is the only place that does so.

Exit codes: 0 success, 1 error in the data or at run time, 2 usage (from Typer), 130 Ctrl-C, 141 the
reader of standard output closed the pipe, 129 SIGHUP, 143 SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType
from typing import Any, NoReturn

from barcodeembed.bundles.signals import STOPS
from barcodeembed.cli.console import abandon, console
from barcodeembed.cli.memory import describe_memory_error
from barcodeembed.errors import BarcodeEmbedError, InputWarning

#: Contexts that end with the command, such as the lock of its output.
_held = ExitStack()


class Terminated(BaseException):
    """Raised on SIGTERM and SIGHUP, so that open files are cleaned up as after any exception."""

    def __init__(self, signum: int) -> None:
        self.signum = signum


@contextmanager
def boundary() -> Iterator[None]:
    """Run a command. An expected error ends the process with a message and an exit code.

    The signal handlers and the handling of warnings are restored when the command ends.
    """
    console.reset()
    before = _catch_signals()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            # A message to the user, whatever the interpreter does with warnings of code.
            warnings.simplefilter("always", InputWarning)
            with _held:
                yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BarcodeEmbedError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        console.error("interrupted")
        sys.exit(130)
    except Terminated as stopped:
        console.error("terminated" if stopped.signum == signal.SIGTERM else "hung up")
        sys.exit(128 + stopped.signum)
    except BrokenPipeError:
        abandon(sys.stdout)
        sys.exit(141)
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if message := describe_memory_error(error):
            _fail(message)
        if not isinstance(error, OSError):
            raise
        _fail(f"{_place(error)}: {error.strerror or error}")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        code = _exit_code(sys.exception())
        if not console.close(code) and not code:
            sys.exit(1)


def _exit_code(exception: BaseException | None) -> int:
    """Return the code with which the process will end."""
    if isinstance(exception, SystemExit):
        return exception.code if isinstance(exception.code, int) else 0
    # Typer's own exceptions have the code.
    return 0 if exception is None else getattr(exception, "exit_code", 1)


def hold(context: AbstractContextManager[object]) -> None:
    """Enter a context that ends with the command."""
    _held.enter_context(context)


def _fail(message: str) -> NoReturn:
    if console.debug:
        raise  # noqa: PLE0704 - called from the handlers above, inside their exception
    console.error(message)
    sys.exit(1)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    console.warn(str(message))


def _place(error: OSError) -> str:
    """Return what an error of the system is about. One without a name is of a stream."""
    if error.filename is not None:
        return str(error.filename)
    if isinstance(error, FileNotFoundError):
        return "the working directory"  # it was deleted
    abandon(sys.stdout)
    return "standard output"


def _catch_signals() -> dict[int, Any]:
    """Raise Terminated on SIGTERM and SIGHUP. Return the handlers before."""
    before = {number: signal.getsignal(number) for number in STOPS if number != signal.SIGINT}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, _terminate)
    return before


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated(signum)
