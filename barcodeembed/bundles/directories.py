"""Replace a bundle atomically: a directory has either its old or its complete new content."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from barcodeembed.bundles.files import (
    confirm_rename,
    output_errors,
    resolve_links,
    sync_directory,
    temporary_sibling,
)
from barcodeembed.bundles.locks import locked
from barcodeembed.bundles.manifest import kind_of
from barcodeembed.bundles.signals import signals_held
from barcodeembed.bundles.swap import put_in_place, restore_old
from barcodeembed.errors import OutputError


@contextmanager
def replace_directory(path: str | os.PathLike[str], kind: str) -> Iterator[Path]:
    """Yield an empty directory that becomes the bundle ``path`` if the block ends without error.

    An existing directory is exchanged for the new one in one step, or, where the system cannot,
    renamed first and deleted last (`restore_old` finds it). Raises OutputError if refuse_directory
    does, if another process is writing the bundle, or if the system refuses.
    """
    refuse_directory(path, kind)
    target = resolve_links(Path(path))
    temporary = temporary_sibling(target)
    with output_errors([Path(path)]), locked(target):
        try:
            temporary.mkdir()
            yield temporary
            _sync(temporary)
            with signals_held():
                _refuse_other(Path(path), kind)  # it can have been made in the meantime
                put_in_place(temporary, target)
        finally:
            with signals_held():
                shutil.rmtree(temporary, ignore_errors=True)
        confirm_rename(Path(path), target.parent)


def _sync(folder: Path) -> None:
    """Flush a directory and everything in it to disk, and give its files the usual permissions."""
    mode = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_directory(path)
            continue
        with open(path, "rb") as stream:
            # safetensors creates files that only their owner can read; models are shared.
            os.chmod(path, mode)
            os.fsync(stream.fileno())
    sync_directory(folder)


def refuse_directory(path: str | os.PathLike[str], kind: str) -> None:
    """Raise OutputError if a bundle cannot be written to ``path``. Call this before long work.

    A path that exists must be a bundle of the same kind or an empty directory, because it would be
    deleted.
    """
    path = Path(path)
    restore_old(path)
    _refuse_other(path, kind)
    parent = resolve_links(path).parent
    if not os.path.isdir(parent):
        raise OutputError(f"{path}: cannot be written: {parent} is not a directory")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written: {parent} is not writable")


def _refuse_other(path: Path, kind: str) -> None:
    """Raise OutputError if there is something other than a bundle of this kind."""
    if os.path.exists(path) and not os.path.isdir(path):
        raise OutputError(f"{path}: exists and is not a bundle directory")
    if os.path.isdir(path) and os.listdir(path) and kind_of(path) != kind:
        raise OutputError(
            f"{path}: this directory contains something other than a bundle of kind {kind}, "
            "which would be deleted; give a new name"
        )
