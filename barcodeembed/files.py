"""All-or-nothing outputs: a path keeps its old content, or gets the whole of the new."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
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
    temporary = _aside(path)
    if path.exists() and not path.is_file():
        # A device or a FIFO (/dev/full, /dev/stdout) cannot be replaced, only written to.
        if path.is_dir():
            raise OutputError(f"{path}: is a directory; give a file")
        with _naming(path), open(path, "wb") as stream:
            yield stream
        return
    with _naming(path):
        try:
            with open(temporary, "xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
            _sync_directory(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def replace_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give an empty directory that becomes ``path`` when the block ends well.

    A directory that stood there is moved aside first and deleted last, so that a crash at any
    point leaves the old one or the new one, whole.
    """
    path = Path(path)
    temporary, old = _aside(path), _aside(path, "old")
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: exists and is no bundle directory")
    with _naming(path):
        try:
            temporary.mkdir()
            yield temporary
            for file in (f for f in temporary.rglob("*") if f.is_file()):
                with open(file, "rb") as stream:
                    os.fsync(stream.fileno())
            if path.exists():
                os.rename(path, old)
            os.rename(temporary, path)
            _sync_directory(path.parent)
        finally:
            if old.exists() and not path.exists():
                os.rename(old, path)
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def open_output(path: str | os.PathLike[str]) -> Iterator[IO[str]]:
    """Give a UTF-8 text stream onto ``-`` (standard output) or a file that appears when whole.

    The suffix asks for compression: ``.gz``, ``.bz2`` or ``.xz``. Compressed bytes carry no time
    and no name, so the same rows give the same file.
    """
    if os.fspath(path) == STDOUT:
        stream = io.TextIOWrapper(
            os.fdopen(os.dup(sys.stdout.fileno()), "wb"), encoding="utf-8", newline="\n"
        )
        with stream:
            yield stream
        return
    with replace_file(path) as raw, _compressor(raw, Path(path).suffix) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
        yield text
        text.flush()
        text.detach()


@contextmanager
def _compressor(raw: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
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
def _naming(path: Path) -> Iterator[None]:
    """Turn the system's refusals into an OutputError that names the path."""
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.errno is None:
            raise
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None


def _aside(path: Path, what: str = "tmp") -> Path:
    return path.with_name(f".{path.name}.{what}-{os.getpid()}")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
