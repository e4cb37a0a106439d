"""Open the files of a taxonomy dump, in a folder or in the archive that NCBI provides."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from barcodeembed.errors import InputError
from barcodeembed.sequences.containers import is_damage
from barcodeembed.sequences.lines import Lines, open_lines

_CHUNK = 1 << 20


@contextmanager
def open_dump_file(dump: Path, name: str) -> Iterator[Lines | None]:
    """Open a file of a dump as lines of text; None if the dump has no such file.

    Nothing is unpacked to disk. Raises InputError if the dump cannot be read, is neither a folder
    nor a tar archive, or is damaged.
    """
    if not dump.is_dir():
        with _open_member(dump, name) as member:
            yield member
    elif (dump / name).exists():
        with open_lines(dump / name) as (lines, _):
            yield lines
    else:
        yield None


@contextmanager
def _open_member(path: Path, name: str) -> Iterator[Lines | None]:
    lines = None
    try:
        with tarfile.open(path) as archive:
            members = (m for m in archive if m.isfile() and PurePosixPath(m.name).name == name)
            member = next(members, None)
            content = archive.extractfile(member) if member else None
            if content:
                lines = Lines(content, path / name)
            yield lines
            # Read to the end, where the checksum of the compression is.
            while archive.fileobj.read(_CHUNK):
                pass
    except Exception as error:
        if isinstance(error, tarfile.TarError) or is_damage(error):
            raise InputError(
                f"damaged archive after line {lines.number:,} of {name}"
                if lines
                else "not a tar archive, or a damaged one; expected NCBI's taxdump.tar.gz, or a "
                "folder with its files",
                path,
            ) from None
        if isinstance(error, OSError):
            raise InputError(f"cannot be read: {error.strerror or error}", path) from None
        raise
