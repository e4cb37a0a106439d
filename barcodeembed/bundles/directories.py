"""Replace a bundle atomically: a directory has either its old or its complete new content."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from barcodeembed.bundles.files import (
    output_errors,
    resolve_links,
    sync_directory,
    temporary_sibling,
)
from barcodeembed.bundles.manifest import kind_of
from barcodeembed.errors import OutputError


@contextmanager
def replace_directory(path: str | os.PathLike[str], kind: str) -> Iterator[Path]:
    """Yield an empty directory that becomes the bundle ``path`` if the block ends without error.

    An existing directory is renamed first and deleted last, so that a crash at any point leaves
    either the old or the new one complete. Raises OutputError if refuse_directory does, or if the
    system refuses.
    """
    refuse_directory(path, kind)
    target = resolve_links(Path(path))
    temporary, old = temporary_sibling(target), temporary_sibling(target, "old")
    with output_errors(Path(path)):
        try:
            temporary.mkdir()
            yield temporary
            mode = temporary.stat().st_mode & 0o666
            for file in (f for f in temporary.rglob("*") if f.is_file()):
                with open(file, "rb") as stream:
                    # safetensors creates files that only their owner can read; models are shared.
                    os.fchmod(stream.fileno(), mode)
                    os.fsync(stream.fileno())
            if target.exists():
                os.rename(target, old)
            os.rename(temporary, target)
            sync_directory(target.parent)
        finally:
            if old.exists() and not target.exists():
                os.rename(old, target)
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def refuse_directory(path: str | os.PathLike[str], kind: str) -> None:
    """Raise OutputError if a bundle cannot be written to ``path``. Call this before long work.

    A path that exists must be a bundle of the same kind or an empty directory, because it would be
    deleted.
    """
    path = Path(path)
    if os.path.exists(path) and not os.path.isdir(path):
        raise OutputError(f"{path}: exists and is not a bundle directory")
    if os.path.isdir(path) and os.listdir(path) and kind_of(path) != kind:
        raise OutputError(
            f"{path}: this directory contains something other than a bundle of kind {kind}, "
            "which would be deleted; give a new name"
        )
    parent = resolve_links(path).parent
    if not os.path.isdir(parent):
        raise OutputError(f"{path}: cannot be written: {parent} is not a directory")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written: {parent} is not writable")
