"""Bytes of a file or of standard input, decompressed as their first bytes ask for."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from barcodeembed.errors import InputError
from barcodeembed.sequences.artifacts import open_artifact

STDIN = "-"

_LONGEST_MAGIC = 512
_CHUNK = 1 << 17
#: How files begin that are no sequence files; without its mark, UTF-16 is told by its zeros.
_NOT_SEQUENCES = tuple(
    (re.compile(start, re.IGNORECASE), name)
    for start, name in (
        (
            rb"PK\x03\x04",
            "a zip archive (a .qza, .xlsx or .zip?) in a pipe; give the .qza by its "
            "path, or extract the sequences first",
        ),
        (rb"\x89PNG", "a PNG image"),
        (rb"%PDF", "a PDF document"),
        (
            rb"\xff\xfe|\xfe\xff|(?:[\t-~]\x00){2}|(?:\x00[\t-~]){2}",
            "UTF-16 text; save it as UTF-8",
        ),
        (
            rb"version https://git-lfs",
            "a git-lfs pointer; fetch the file itself with `git lfs pull`",
        ),
        (rb"\s*<(?:!doc|html)", "an HTML page (a failed download?)"),
    )
)


class _Rewound(io.RawIOBase):
    """A stream that gives back the bytes already read from it, then goes on."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        chunk = self._start[: len(buffer)] or self._rest.read(len(buffer))
        self._start = self._start[len(chunk) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._rest.close()
        super().close()


class _Members(io.RawIOBase):
    """The data of concatenated bzip2 or xz streams, as pbzip2 and pixz write them.

    The file objects of the standard library take a damaged second stream for garbage and end
    before it without a word.
    """

    def __init__(self, compressed: BinaryIO, new: Callable[[], Any]) -> None:
        self._compressed, self._new = compressed, new
        self._decompressor = new()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while True:
            data = b""
            if self._decompressor.eof:
                data = self._decompressor.unused_data.lstrip(b"\0")  # of padding
                while not data:
                    more = self._compressed.read(_CHUNK)
                    if not more:
                        return 0
                    data = more.lstrip(b"\0")
                self._decompressor = self._new()
            elif self._decompressor.needs_input:
                data = self._compressed.read(_CHUNK)
                if not data:
                    raise EOFError("the last stream is not whole")
            chunk = self._decompressor.decompress(data, len(buffer))
            if chunk:
                buffer[: len(chunk)] = chunk
                return len(chunk)

    def close(self) -> None:
        self._compressed.close()
        super().close()


def open_source(source: str | os.PathLike[str]) -> tuple[BinaryIO, str]:
    """Open a path, or ``-`` for standard input, for reading bytes.

    Gzip (all members), bzip2, xz, QIIME 2 artifacts and, where a library for it is there,
    zstandard are told by their first bytes, never by the file's name. Returns the stream and the
    container's name (``plain``, ``gzip``, ...). Raises InputError where the path cannot be opened
    or the bytes are plainly those of something else.
    """
    if os.fspath(source) == STDIN:
        if sys.stdin is None:
            raise InputError("is closed; nothing can be read from it", "standard input")
        raw: BinaryIO = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    else:
        if os.path.isdir(source):
            raise InputError("is a directory; give a file", source)
        try:
            raw = open(source, "rb", buffering=0)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source) from None
    try:
        stream, start = _peek(raw)
    except BaseException:
        raw.close()
        raise
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=stream), "gzip"  # type: ignore[return-value]
    if start.startswith(b"BZh"):
        return io.BufferedReader(_Members(stream, bz2.BZ2Decompressor)), "bzip2"
    if start.startswith(b"\xfd7zXZ\x00"):
        return io.BufferedReader(_Members(stream, lzma.LZMADecompressor)), "xz"
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return _open_zstandard(stream, source), "zstandard"
    if start.startswith(b"PK\x03\x04") and raw.seekable() and os.fspath(source) != STDIN:
        stream.close()  # the table of a zip archive is at its end: it is opened by its path
        return open_artifact(source), "QIIME 2 artifact"
    return stream, "plain"


def sniff(stream: BinaryIO, path: str | os.PathLike[str]) -> tuple[BinaryIO, bytes]:
    """Return the stream and its first bytes, or raise InputError naming what it looks like."""
    stream, start = _peek(stream)
    for pattern, name in _NOT_SEQUENCES:
        if pattern.match(start):
            raise InputError(f"not a sequence file: it looks like {name}", path)
    return stream, start


def is_damage(error: BaseException) -> bool:
    """Tell whether an error is what a decompressor raises on damaged data."""
    known = EOFError | gzip.BadGzipFile | zlib.error | lzma.LZMAError | zipfile.BadZipFile
    if isinstance(error, known):
        return True
    # bz2 has no error of its own but an OSError that the system did not number; that of
    # zstandard is known by its name, the library being optional.
    unnumbered = isinstance(error, OSError) and error.errno is None
    return unnumbered or type(error).__name__ == "ZstdError"


def _peek(stream: BinaryIO) -> tuple[BinaryIO, bytes]:
    start = b""
    while len(start) < _LONGEST_MAGIC and (more := stream.read(_LONGEST_MAGIC - len(start))):
        start += more
    return io.BufferedReader(_Rewound(start, stream), _CHUNK), start


def _open_zstandard(stream: BinaryIO, path: str | os.PathLike[str]) -> BinaryIO:
    # Not the older package `zstandard`: it takes the end of a truncated file for the end of the
    # data. The module of Python 3.14, and its backport, raise EOFError.
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name).ZstdFile(stream)
        except ImportError:
            continue
    raise InputError(
        "is zstandard-compressed; `pip install backports.zstd` reads it, "
        "or `zstd -dc FILE | barcodeembed ... -`",
        path,
    )
