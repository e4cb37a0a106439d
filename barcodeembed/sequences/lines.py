"""Lines of text out of any source: counted, and refused where a byte is no text."""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from barcodeembed.errors import InputError
from barcodeembed.sequences.containers import STDIN, is_damage, open_source, sniff

_UNDECODED = re.compile("[\udc80-\udcff]")


class Lines:
    """Lines of a text stream; any line end becomes ``\\n``. ``number`` is that of the last line.

    A byte that the encoding does not know is let through the decoder and found here, because a
    decoder works on blocks and could not say which line it is in.
    """

    def __init__(
        self, stream: BinaryIO, path: str | os.PathLike[str], encoding: str = "utf-8"
    ) -> None:
        if codecs.lookup(encoding).name == "utf-8":
            encoding = "utf-8-sig"  # a byte-order mark is no part of the first line
        self.path, self.encoding, self.number = path, encoding, 0
        self._text = io.TextIOWrapper(
            stream, encoding=encoding, errors="surrogateescape", newline=None
        )
        self._held = ""
        self._mid_line = False

    @property
    def mid_line(self) -> bool:
        """Whether the last piece read ended within its line."""
        return self._mid_line

    def readline(self, size: int = -1) -> str:
        """Return the next line, or its next piece of ``size`` characters where it is longer."""
        line, self._held = self._held or self._text.readline(size), ""
        if line and not self._mid_line:
            self.number += 1
        self._mid_line = bool(line) and not line.endswith("\n")
        if not line.isascii():
            self._refuse_undecoded(line)
        return line

    def put_back(self, line: str) -> None:
        """Make a line, just read, the next one again."""
        self._held, self._mid_line = line, False
        self.number -= bool(line)

    def read(self, size: int) -> str:
        """Return nothing: Biopython reads no characters, to see that the handle is of text."""
        return ""

    def __iter__(self) -> Iterator[str]:
        while line := self.readline():
            yield line

    def error(self, message: str, record: str | None = None) -> InputError:
        """Return an error at the last line read."""
        return InputError(message, self.path, self.number, record)

    def _refuse_undecoded(self, line: str) -> None:
        if found := _UNDECODED.search(line):
            encoding = self.encoding.removesuffix("-sig")
            raise self.error(
                f"byte 0x{ord(found.group()) - 0xDC00:02x} is not {encoding} text; "
                "give the file's encoding, as in --encoding latin-1"
            )


@contextmanager
def open_lines(
    source: str | os.PathLike[str],
    encoding: str = "utf-8",
    place: Callable[[], str] | None = None,
) -> Iterator[tuple[Lines, bytes]]:
    """Open a path, or ``-``, as lines of text, beside its first bytes.

    Raises InputError where it cannot be read, is plainly something else, or turns out to be
    damaged: after so many lines, or after what ``place`` says.
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
            reached = place() if place else f"line {lines.number if lines else 0:,}"
            raise InputError(f"{what} {container} after {reached}", path) from None
        if isinstance(error, OSError):
            raise InputError(f"cannot be read: {error.strerror or error}", path) from None
        raise
