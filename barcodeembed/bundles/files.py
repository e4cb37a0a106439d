"""All-or-nothing outputs: a path keeps its old content, or gets the whole of the new."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from barcodeembed.errors import OutputError

STDOUT = "-"


@contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Give a binary file that becomes ``path`` when the block ends well, and vanishes otherwise.

    The file is written beside its target, synced, and renamed over it. Raises OutputError where
    the target cannot be written.
    """
    path = Path(path)
    # Of os.path, whose tests are False where the system refuses to look; opening then tells why.
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a directory; give a file")
    if os.path.exists(path) and not os.path.isfile(path):
        # A device or a FIFO (/dev/full, /dev/stdout) cannot be replaced, only written to.
        with naming(path), open(path, "wb") as stream:
            yield stream
        return
    target = behind_links(path)
    temporary = aside(target)
    with naming(path):
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
    """Give a UTF-8 text stream onto ``-`` (standard output) or a file that appears when whole.

    The suffix asks for compression: ``.gz``, ``.bz2`` or ``.xz``. Compressed bytes carry no time
    and no name, so the same rows give the same file.
    """
    if os.fspath(path) == STDOUT:
        if sys.stdout is None:
            raise OutputError("standard output is closed; -o FILE writes to a file")
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


@contextmanager
def compressor(raw: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    """Give a stream into ``raw`` that compresses as a file's suffix asks, always to one result."""
    if suffix == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
            yield stream  # type: ignore[misc]
    elif suffix == ".bz2":
        with bz2.BZ2File(raw, "wb") as stream:
            yield stream  # type: ignore[misc]
    elif suffix == ".xz":
        with lzma.LZMAFile(raw, "wb") as stream:
            yield stream  # type: ignore[misc]
    else:
        yield raw


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn the system's refusals into an OutputError that names the path."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # NumPy and shutil give no reason of the system's.
        reason = error.strerror or "a write came short; is the disk full?"
        raise OutputError(f"{path}: cannot be written: {reason}") from None


def behind_links(path: Path) -> Path:
    """Return the path that is to be replaced: a link stays and leads to the new content."""
    return Path(os.path.realpath(path))


def aside(path: Path, what: str = "tmp") -> Path:
    # Not the process number alone: containers use the same few, and a killed one leaves its file.
    return path.with_name(f".{path.name}.{what}-{os.getpid()}-{secrets.token_hex(3)}")


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
