"""Read counted lines of text from any source, and refuse bytes that are not text."""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from barcodeembed.errors import InputError
from barcodeembed.sequences.containers import STDIN, is_damage, open_source, sniff

_UNDECODED = re.compile("[\udc80-\udcff]")

#: What would end a cell or a line of a table, or control a terminal; and bytes that are not text.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Lines:
    """Lines of a text stream. ``number`` is the 1-based number of the last line read.

    Every line end becomes ``\\n``. Bytes that the encoding cannot decode pass through the decoder
    and are found here, because the decoder works on blocks and cannot report the line.
    """

    def __init__(
        self, stream: IO[bytes], path: str | os.PathLike[str], encoding: str = "utf-8"
    ) -> None:
        if codecs.lookup(encoding).name == "utf-8":
            encoding = "utf-8-sig"  # drops a byte-order mark
        self.path, self.encoding, self.number = path, encoding, 0
        self._text = io.TextIOWrapper(
            stream, encoding=encoding, errors="surrogateescape", newline=None
        )
        self._held = ""
        self._mid_line = False

    @property
    def mid_line(self) -> bool:
        """Whether the last call of readline ended within a line."""
        return self._mid_line

    def readline(self, size: int = -1) -> str:
        """Return the next line, or the next ``size`` characters of a longer line."""
        line, self._held = self._held or self._text.readline(size), ""
        if line and not self._mid_line:
            self.number += 1
        self._mid_line = bool(line) and not line.endswith("\n")
        if not line.isascii():
            self._refuse_undecoded(line)
        return line

    def put_back(self, line: str) -> None:
        """Put back the line that was just read, so that it is the next one again."""
        self._held, self._mid_line = line, False
        self.number -= bool(line)

    def read(self, size: int) -> str:
        """Return an empty string: Biopython only calls ``read(0)``, to check for a text handle."""
        return ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if line := self.readline():
            return line
        raise StopIteration

    def error(self, message: str, record: str | None = None) -> InputError:
        """Return an error that names the last line read."""
        return InputError(message, self.path, self.number, record)

    def _refuse_undecoded(self, line: str) -> None:
        if not line.isascii() and (undecoded := _UNDECODED.search(line)):
            encoding = self.encoding.removesuffix("-sig")
            raise self.error(
                f"byte 0x{ord(undecoded.group()) - 0xDC00:02x} is not {encoding} text; "
                "give the file's encoding, for example --encoding latin-1"
            )


def refuse_control(
    text: str, what: str, path: str | os.PathLike[str] | None = None, line: int | None = None
) -> None:
    r"""Raise InputError if a text that becomes a cell of an output contains a control character.

    >>> refuse_control("S\t1", "the sample")
    Traceback (most recent call last):
        ...
    barcodeembed.errors.InputError: control character in the sample 'S\t1'
    """
    if _CONTROL.search(text):
        raise InputError(f"control character in {what} {text[:40]!r}", path, line)


@contextmanager
def open_lines(
    source: str | os.PathLike[str],
    encoding: str = "utf-8",
    reached: Callable[[], str] | None = None,
) -> Iterator[tuple[Lines, bytes]]:
    """Open a path, or ``-``, as lines of text; also return its first bytes.

    Raises InputError if it cannot be read, is another kind of file, or turns out to be damaged. The
    message names the position that ``reached`` returns, or else the last line read.
    """
    path = "standard input" if os.fspath(source) == STDIN else source
    container, lines = "file", None
    try:
        stream, container = open_source(source)
        with stream:
            text, start = sniff(stream, path)
            lines = Lines(text, path, encoding)
            yield lines, start
    except Exception as error:
        if is_damage(error):
            what = "truncated" if isinstance(error, EOFError) else "damaged"
            position = reached() if reached else f"line {lines.number if lines else 0:,}"
            raise InputError(f"{what} {container} after {position}", path) from None
        if isinstance(error, OSError):
            raise InputError(f"cannot be read: {error.strerror or error}", path) from None
        if isinstance(error, UnicodeError):  # of codecs that cannot pass wrong bytes through
            raise InputError(f"is not {encoding} text; give the file's encoding", path) from None
        raise
