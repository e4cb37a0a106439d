"""All-or-nothing bundles: a directory keeps its old content, or gets the whole of the new."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from barcodeembed.bundles.files import aside, behind_links, naming, sync_directory
from barcodeembed.bundles.manifest import kind_of
from barcodeembed.errors import OutputError


@contextmanager
def replace_directory(path: str | os.PathLike[str], kind: str) -> Iterator[Path]:
    """Give an empty directory that becomes ``path``, a bundle, when the block ends well.

    A directory that stood there is moved aside first and deleted last, so that a crash at any
    point leaves the old one or the new one, whole. Raises OutputError where refuse_directory does
    or the system refuses.
    """
    refuse_directory(path, kind)
    target = behind_links(Path(path))
    temporary, old = aside(target), aside(target, "old")
    with naming(Path(path)):
        try:
            temporary.mkdir()
            yield temporary
            mode = temporary.stat().st_mode & 0o666
            for file in (f for f in temporary.rglob("*") if f.is_file()):
                with open(file, "rb") as stream:
                    # safetensors makes files for their owner alone; models are shared.
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
    """Raise OutputError where a bundle cannot be put at ``path``; worth asking before the work.

    What stands there may only be a bundle of that kind or an empty directory: it would be deleted.
    """
    path = Path(path)
    if os.path.exists(path) and not os.path.isdir(path):
        raise OutputError(f"{path}: exists and is no bundle directory")
    if os.path.isdir(path) and os.listdir(path) and kind_of(path) != kind:
        raise OutputError(
            f"{path}: is a directory with something else in it than a bundle of kind {kind}, "
            "which would be deleted; give a new name"
        )
    parent = behind_links(path).parent
    if not os.path.isdir(parent):
        raise OutputError(f"{path}: cannot be written: {parent} is no directory")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written: {parent} is not writable")
