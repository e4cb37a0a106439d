"""The sequences of the references of an index: a FASTA file, and its index by pyfastx.

The index is read once. The FASTA file is mapped into memory, so that a sequence takes a tenth of
the time that pyfastx takes to look it up, processes share it, and threads can read it.
"""

from __future__ import annotations

import mmap
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np

from barcodeembed.bundles.checks import reading
from barcodeembed.bundles.names import utf8_name
from barcodeembed.errors import ran_out_of_memory

#: Rows of the index of pyfastx, first and last, those within a file of so many bytes, and bases.
_FASTA_ROWS = """
SELECT count(*), min(ID), max(ID), sum(
    typeof(boff) = 'integer' AND typeof(blen) = 'integer' AND typeof(slen) = 'integer'
    AND boff >= 0 AND slen BETWEEN 0 AND blen AND boff + blen <= ?
), total(slen) FROM seq
"""


class FastaSequences(Sequence[str]):
    """The sequences of a FASTA file, by position. pyfastx writes its own index next to the file."""

    def __init__(self, path: Path) -> None:
        import pyfastx

        self._path = path
        try:
            with utf8_name(path) as name:
                self._length = len(pyfastx.Fasta(name, uppercase=False))
        except (SystemError, RuntimeError) as error:  # a full disk, a damaged index
            if ran_out_of_memory(error):
                raise MemoryError(str(error)) from None
            reason = error.__cause__ or error
            raise OSError(f"pyfastx cannot index {path.name}: {reason}") from None
        with open(path, "rb") as stream:
            self._content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

    @cached_property
    def _spans(self) -> np.ndarray:
        """Where the line of bases of each sequence begins and ends, int64 (N, 2)."""
        with _fasta_index(self._path) as database:
            spans = database.execute("SELECT boff, boff + slen FROM seq ORDER BY ID")
            numbers = np.fromiter((at for span in spans for at in span), np.int64)
        if len(numbers) != 2 * self._length:
            raise ValueError(f"has {self._length:,} sequences, but not in its index by pyfastx")
        return numbers.reshape(-1, 2)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, number: int) -> str: ...

    @overload
    def __getitem__(self, number: slice) -> list[str]: ...

    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        place = range(len(self))[number]  # IndexError ends an iteration
        with reading(self._path):
            start, end = self._spans[place].tolist()
            bases = self._content[start:end]
            if not bases.isalpha():
                raise ValueError(f"sequence {place + 1} has other characters than letters")
            return bases.decode("ascii")


def index_sequences(path: Path, sequences: Sequence[str]) -> None:
    """Let pyfastx index a FASTA file of these sequences.

    Raises OSError if it has not indexed all. It passes over errors of SQLite.
    """
    FastaSequences(path)
    check_fasta_index(path, len(sequences), sum(map(len, sequences)))
    _check_names(path, len(sequences))
    written = FastaSequences(path)
    if any(written[i] != sequences[i] for i in (0, len(sequences) - 1)):
        raise OSError(f"pyfastx has not indexed {path.name} correctly")


def check_fasta_index(path: Path, count: int, bases: int | None = None) -> None:
    """Raise OSError unless pyfastx's index of a FASTA file has so many sequences, within the file.

    pyfastx trusts its index: a wrong offset could end the process.
    """
    with _fasta_index(path) as database:
        *found, length = database.execute(_FASTA_ROWS, (path.stat().st_size,)).fetchone()
        stated = database.execute("SELECT seqnum FROM stat").fetchall()
    if found != [count, 1, count, count] or stated != [(count,)] or bases not in (None, length):
        raise OSError(_incomplete(path))


def _check_names(path: Path, count: int) -> None:
    """Raise OSError unless pyfastx's index finds so many sequences by name, and is undamaged."""
    with _fasta_index(path) as database:
        named = database.execute("SELECT count(*) FROM seq INDEXED BY chromidx").fetchone()
        damage = database.execute("PRAGMA integrity_check").fetchall()
    if named != (count,) or damage != [("ok",)]:
        raise OSError(_incomplete(path))


@contextmanager
def _fasta_index(path: Path) -> Iterator[sqlite3.Connection]:
    """Open pyfastx's index of a FASTA file. Raises OSError if it is damaged."""
    uri = f"{path.with_name(f'{path.name}.fxi').absolute().as_uri()}?mode=ro&immutable=1"
    try:
        # Immutable: SQLite must neither repair the file nor write next to it.
        with closing(sqlite3.connect(uri, uri=True)) as database:
            yield database
    except sqlite3.Error as error:
        raise OSError(f"{_incomplete(path)}: {error}") from None


def _incomplete(path: Path) -> str:
    return f"the index of {path.name} by pyfastx is not complete"
