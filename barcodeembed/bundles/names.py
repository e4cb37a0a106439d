"""Names of files for libraries that read only those that are UTF-8."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def utf8_name(path: Path) -> Iterator[str]:
    """Yield a name of a file that is UTF-8, also if the names of the folders above it are not.

    Its folder is opened then, and Linux gives it a name of its own. Such folders are old ones of
    users with a Latin-1 terminal; other systems have none.
    """
    name = str(path)
    if name == name.encode(errors="replace").decode():
        yield name
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
