"""Open a file or standard input as bytes, decompressed according to the first bytes."""

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
from typing import IO, TYPE_CHECKING

from barcodeembed.errors import InputError
from barcodeembed.sequences.artifacts import open_artifact

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    Decompressor = bz2.BZ2Decompressor | lzma.LZMADecompressor

STDIN = "-"

_MAGIC_LENGTH = 512
_CHUNK = 1 << 17
_ZIP = b"PK\x03\x04"
#: First bytes of files that are not sequence files. UTF-16 without a byte-order mark is recognised
#: by its zero bytes.
_NOT_SEQUENCES = tuple(
    (re.compile(start, re.IGNORECASE), name)
    for start, name in (
        (
            re.escape(_ZIP),
            "a zip archive (a .qza, .xlsx or .zip?) in a pipe; give the path of the .qza file, "
            "or extract the sequences first",
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
    """A stream that returns the bytes already read from it again, then continues."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer)
        chunk = self._start[: len(target)] or self._rest.read(len(target))
        self._start = self._start[len(chunk) :]
        target[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._rest.close()
        super().close()


class _Gzip(gzip.GzipFile):
    """The data of a gzip stream. Unlike `gzip.GzipFile`, it closes the stream, too."""

    def __init__(self, compressed: IO[bytes]) -> None:
        self._compressed = compressed
        super().__init__(fileobj=compressed)

    def close(self) -> None:
        super().close()
        self._compressed.close()


class _Members(io.RawIOBase):
    """The data of concatenated bzip2 or xz streams, as written by pbzip2 and pixz.

    The file objects of the standard library treat a damaged second stream as trailing garbage and
    end before it without an error.
    """

    def __init__(self, compressed: IO[bytes], new: Callable[[], Decompressor]) -> None:
        self._compressed, self._new = compressed, new
        self._decompressor = new()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer)
        while True:
            data = b""
            if self._decompressor.eof:
                data = self._decompressor.unused_data.lstrip(b"\0")  # padding
                while not data:
                    more = self._compressed.read(_CHUNK)
                    if not more:
                        return 0
                    data = more.lstrip(b"\0")
                self._decompressor = self._new()
            elif self._decompressor.needs_input:
                data = self._compressed.read(_CHUNK)
                if not data:
                    raise EOFError("the last stream is incomplete")
            chunk = self._decompressor.decompress(data, len(target))
            if chunk:
                target[: len(chunk)] = chunk
                return len(chunk)

    def close(self) -> None:
        self._compressed.close()
        super().close()


def open_source(source: str | os.PathLike[str]) -> tuple[IO[bytes], str]:
    """Open a path, or ``-`` for standard input, for reading bytes.

    Gzip (all members), bzip2, xz, QIIME 2 artifacts and, if a library for it is installed,
    zstandard are recognised by their first bytes, never by the file's name. Returns the stream and
    the container's name (``plain``, ``gzip``, ...). Raises InputError if the path cannot be opened
    or the archive cannot be used.
    """
    raw = _open_raw(source)
    try:
        stream, start = _peek(raw)
        if start.startswith(_ZIP) and raw.seekable() and os.fspath(source) != STDIN:
            # The directory of a zip archive is at its end, so it is opened again by its path.
            stream.close()
            return open_artifact(source), "QIIME 2 artifact"
        return _decompress(stream, start, source)
    except BaseException:
        raw.close()
        raise


def _decompress(
    stream: IO[bytes], start: bytes, source: str | os.PathLike[str]
) -> tuple[IO[bytes], str]:
    """Return the data of a stream that begins with ``start``, and the name of its container."""
    if start.startswith(b"\x1f\x8b"):
        return _Gzip(stream), "gzip"  # type: ignore[return-value]  # is no IO[bytes] in typeshed
    if start.startswith(b"BZh"):
        return io.BufferedReader(_Members(stream, bz2.BZ2Decompressor)), "bzip2"
    if start.startswith(b"\xfd7zXZ\x00"):
        return io.BufferedReader(_Members(stream, lzma.LZMADecompressor)), "xz"
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return _open_zstandard(stream, source), "zstandard"
    return stream, "plain"


def _open_raw(source: str | os.PathLike[str]) -> IO[bytes]:
    if os.fspath(source) == STDIN:
        if sys.stdin is None:
            raise InputError("is closed; nothing can be read from it", "standard input")
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    if os.path.isdir(source):
        raise InputError("is a directory; give a file", source)
    try:
        return open(source, "rb", buffering=0)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source) from None


def sniff(stream: IO[bytes], path: str | os.PathLike[str]) -> tuple[IO[bytes], bytes]:
    """Return the stream and its first bytes.

    Raises InputError if these bytes are those of another kind of file, and names the kind.
    """
    stream, start = _peek(stream)
    for pattern, name in _NOT_SEQUENCES:
        if pattern.match(start):
            raise InputError(f"not a sequence file: it looks like {name}", path)
    return stream, start


def is_damage(error: BaseException) -> bool:
    """Return whether an error is one that decompressors raise for damaged data."""
    damage = EOFError | gzip.BadGzipFile | zlib.error | lzma.LZMAError | zipfile.BadZipFile
    if isinstance(error, damage):
        return True
    # bz2 raises a plain OSError without an errno. The error of zstandard is recognised by its
    # name, because that library is optional.
    without_errno = isinstance(error, OSError) and error.errno is None
    return without_errno or type(error).__name__ == "ZstdError"


def _peek(stream: IO[bytes]) -> tuple[IO[bytes], bytes]:
    start = b""
    while len(start) < _MAGIC_LENGTH and (more := stream.read(_MAGIC_LENGTH - len(start))):
        start += more
    return io.BufferedReader(_Rewound(start, stream), _CHUNK), start


def _open_zstandard(stream: IO[bytes], path: str | os.PathLike[str]) -> IO[bytes]:
    # The older package `zstandard` is not used: it treats the end of a truncated file as the end of
    # the data. The module of Python 3.14 and its backport raise EOFError.
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name).ZstdFile(stream)
        except ImportError:
            continue
    raise InputError(
        "is compressed with zstandard; `pip install backports.zstd` adds support for it, "
        "or use `zstd -dc FILE | barcodeembed ... -`",
        path,
    )
