"""Errors that a user can cause and correct.

The command line shows these as one line. Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import errno
import re
from os import PathLike

#: What torch, NumPy, the dynamic loader and the operating system write if memory has run out.
_NO_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|unable to allocate|"
    r"cannot allocate memory|failed to map segment|bad_alloc",
    re.IGNORECASE,
)


def printable(text: str) -> str:
    r"""Return a text in which characters that are not printable, except newlines, are escaped.

    Messages quote files. Control characters would change the terminal or fail to be encoded.

    >>> printable("Apis\x1b[31m")
    'Apis\\x1b[31m'
    """
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def ran_out_of_memory(error: BaseException) -> bool:
    """Say whether an error of any library means that memory has run out.

    Such an error says nothing about the file that was being read.

    >>> ran_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    """
    known = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    return known or bool(_NO_MEMORY.search(str(error)))


class BarcodeEmbedError(Exception):
    """Base class of all expected errors. The message is one line of printable characters.

    >>> import barcodeembed as be
    >>> try:
    ...     index = be.ReferenceIndex.open("nowhere.bix")
    ... except be.BarcodeEmbedError as error:
    ...     print(error)
    nowhere.bix: does not exist; expected an index made by barcodeembed
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(" ".join(message.split())))


class InputError(BarcodeEmbedError):
    """A sequence file, table or option value cannot be used.

    The location precedes the message: ``queries.fa:1042 (ASV_77): message``. The attributes
    ``path``, ``line`` (counted from 1) and ``record`` have its parts, or None.

    >>> import barcodeembed as be
    >>> be.Embedder.load().embed("hello world")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    barcodeembed.errors.InputError: 'hello world' is neither a DNA sequence nor...
    """

    def __init__(
        self,
        message: str,
        path: str | PathLike[str] | None = None,
        line: int | None = None,
        record: str | None = None,
    ) -> None:
        self.path, self.line, self.record = path, line, record
        location = "" if path is None else str(path)
        if line is not None:
            location += f":{line}"
        if record:
            location += f" ({record})"
        super().__init__(f"{location}: {message}" if location else message)


class InputWarning(UserWarning):
    """An input has something unusual. It was read as it was most probably meant."""


class ReferenceDataError(InputError):
    """References and their taxonomy are not consistent."""


class BundleError(BarcodeEmbedError):
    """A model or index bundle is missing or damaged, or was made by a newer version."""


class IndexMismatch(BarcodeEmbedError):
    """The index was made with another model than the one given."""


class OutputError(BarcodeEmbedError):
    """An output cannot be written."""


class TrainingError(BarcodeEmbedError):
    """Pretraining cannot start, resume or continue."""
