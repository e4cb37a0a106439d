"""Put a new directory in the place of an old one, in one step where the system can."""

from __future__ import annotations

import ctypes
import errno
import glob
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from barcodeembed.bundles.files import resolve_links, temporary_sibling
from barcodeembed.bundles.locks import locked
from barcodeembed.errors import OutputError

_OLD = "old"

#: Of Linux: relative paths are relative to the working directory, and paths are exchanged.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2

#: Errors of a system or a file system that cannot exchange paths.
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def put_in_place(new: Path, target: Path) -> None:
    """Rename ``new`` to ``target``. An old directory is then at ``new``, or deleted."""
    if not target.exists():
        os.rename(new, target)
    elif not exchange(new, target):
        old = temporary_sibling(target, _OLD)
        os.rename(target, old)
        try:
            os.rename(new, target)
        except BaseException:
            os.rename(old, target)
            raise
        shutil.rmtree(old, ignore_errors=True)


def exchange(first: Path, second: Path) -> bool:
    """Exchange two paths in one step. Return False if the system cannot."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    paths = os.fsencode(first), os.fsencode(second)
    if libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(second))


def restore_old(path: str | os.PathLike[str]) -> None:
    """Restore the old directory if a process was killed in `put_in_place`, and ``path`` is missing.

    Nothing changes if a process is at work there now, or if the folder cannot be written to.
    """
    target = resolve_links(Path(path))
    if target.exists():
        return
    left = [Path(name) for name in glob.glob(f"{glob.escape(_hidden(target))}*")]
    if not left:
        return
    with suppress(OSError, OutputError), locked(target):
        if not target.exists():
            os.rename(max(left, key=lambda old: old.stat().st_ctime), target)


def _hidden(target: Path) -> str:
    return str(target.with_name(f".{target.name}.{_OLD}-"))
