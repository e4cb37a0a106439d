"""A lock on an output, so that two commands do not write it at the same time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from barcodeembed.bundles.signals import signals_held
from barcodeembed.errors import OutputError

#: Windows has other locks, and cannot delete a file that is open.
_SYSTEM_HAS_LOCKS = sys.platform != "win32"

#: The lock files of this process. A command locks its output early and writes it late.
_held: set[Path] = set()


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of an output during the block.

    The lock is on a hidden file next to the output. The system releases it if the process is
    killed. Where the system (Windows) or the file system has no locks, there is none. Raises
    OutputError if another process holds the lock, and OSError if the file cannot be made.
    """
    path = target.with_name(f".{target.name}.lock")
    if path in _held or not _SYSTEM_HAS_LOCKS:
        yield
        return
    descriptor = _acquire(path, target)
    _held.add(path)
    try:
        yield
    finally:
        with signals_held():
            _held.discard(path)
            path.unlink(missing_ok=True)  # before it is released, so that no one else has it open
            os.close(descriptor)


def _acquire(path: Path, target: Path) -> int:
    """Return the descriptor of the lock file."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            lock_file(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            raise OutputError(f"{target}: another command is writing it now") from None
        except OSError:  # this file system has no locks
            return descriptor
        # The file is another one if its holder deleted it after it was opened here.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)


def lock_file(descriptor: int) -> None:
    """Lock an open file until it is closed, if the system can.

    Raises BlockingIOError if another process has the lock, and OSError if the file system has none.
    """
    if _SYSTEM_HAS_LOCKS:
        import fcntl  # not on Windows

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
