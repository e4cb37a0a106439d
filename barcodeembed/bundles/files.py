"""Write outputs atomically: a path has either its old or its complete new content."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from barcodeembed.errors import OutputError

STDOUT = "-"


@contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Yield a binary file that becomes ``path`` if the block ends without error.

    The file is written in the folder of its target, synced, and renamed over the target. After an
    error it is deleted. Raises OutputError if the target cannot be written.
    """
    path = Path(path)
    # The tests of os.path are False if access is denied; opening the file then gives the reason.
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a directory; give a file")
    if os.path.exists(path) and not os.path.isfile(path):
        # A device or a FIFO (/dev/full, /dev/stdout) can only be written to, not replaced.
        with output_errors(path), open(path, "wb") as stream:
            yield stream
        return
    target = resolve_links(path)
    temporary = temporary_sibling(target)
    with output_errors(path):
        try:
            with open(temporary, "xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, target)
            sync_directory(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def open_output(path: str | os.PathLike[str]) -> Iterator[IO[str]]:
    """Yield a UTF-8 text stream to ``-`` (standard output) or to a file, written atomically.

    The suffixes ``.gz``, ``.bz2`` and ``.xz`` compress the file. Compressed files contain no time
    and no name, so that the same rows give the same bytes.
    """
    if os.fspath(path) == STDOUT:
        if sys.stdout is None:
            raise OutputError("standard output is closed; use -o FILE to write to a file")
        stream = io.TextIOWrapper(
            os.fdopen(os.dup(sys.stdout.fileno()), "wb"), encoding="utf-8", newline="\n"
        )
        with stream:
            yield stream
        return
    with replace_file(path) as raw, compressor(raw, Path(path).suffix) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
        yield text
        text.flush()
        text.detach()


def write_rows(lines: Iterable[str], stream: IO[str]) -> None:
    """Write lines of a table cell by cell, as the commands do that make tables.

    The bytes of a compressed file depend on the sizes of what is written, so this gives the same
    file.
    """
    for line in lines:
        print(*line.removesuffix("\n").split("\t"), sep="\t", file=stream)


@contextmanager
def compressor(raw: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    """Yield a stream to ``raw``, compressed according to a file suffix, without time or name."""
    if suffix == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
            yield cast(IO[bytes], stream)
    elif suffix == ".bz2":
        with bz2.BZ2File(raw, "wb") as stream:
            yield cast(IO[bytes], stream)
    elif suffix == ".xz":
        with lzma.LZMAFile(raw, "wb") as stream:
            yield cast(IO[bytes], stream)
    else:
        yield raw


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Convert OSError to an OutputError that names the path."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # NumPy and shutil raise OSError without the system's reason.
        reason = error.strerror or "not all bytes were written; is the disk full?"
        raise OutputError(f"{path}: cannot be written: {reason}") from None


def resolve_links(path: Path) -> Path:
    """Return the path that a link leads to: that path is replaced, and the link stays."""
    return Path(os.path.realpath(path))


def temporary_sibling(path: Path, label: str = "tmp") -> Path:
    """Return a new hidden path in the same folder."""
    # The process number is not enough: in containers the same numbers recur, and a killed process
    # leaves its file.
    return path.with_name(f".{path.name}.{label}-{os.getpid()}-{secrets.token_hex(3)}")


def sync_directory(path: Path) -> None:
    """Flush the entries of a directory to disk, so that a rename in it survives a crash."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
