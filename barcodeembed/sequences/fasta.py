"""FASTA and FASTQ, assembled by Biopython from lines that are checked and counted here.

Biopython's parsers are lenient and silent: they skip text before the first header, drop spaces
and know no line numbers. So every line passes through :class:`_CheckedLines` on its way to them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from os import PathLike
from typing import TextIO

from barcodeembed.errors import InputError
from barcodeembed.sequences.records import SequenceRecord

#: Longest header that is taken for one (bytes of text); beyond it the file is not FASTA.
MAX_HEADER = 65_536

_LINE_CHUNK = 1 << 20
_RESIDUES = "ACGTURYSWKMBDHVNacgturyswkmbdhvn.-"
_UNEXPECTED = re.compile(f"[^{re.escape(_RESIDUES)}\\s0-9]")
_LAYOUT = re.compile(r"\d|\S\s+\S")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class _CheckedLines:
    """Lines of a text stream, checked, counted, and cut to what a record may keep.

    Stands in for the file handle that Biopython's parsers read. ``records`` queues, for every
    FASTA header met, ``[line, length, flags]`` of the record that it opens.
    """

    def __init__(self, stream: TextIO, path: str | PathLike[str], limit: int) -> None:
        self.number = 0
        self.records: deque[list] = deque()
        self._stream, self._path, self._limit = stream, path, limit
        self._mid_line = False

    def readline(self) -> str:
        """Return the next line, or its next piece where it is longer than a mebibyte."""
        line = self._stream.readline(_LINE_CHUNK)
        if line and not self._mid_line:
            self.number += 1
        self._mid_line = bool(line) and not line.endswith("\n")
        return line

    def read(self, size: int) -> str:
        """Biopython reads nothing, to see that the handle is in text mode."""
        return ""

    def __iter__(self) -> Iterator[str]:
        while line := self.readline():
            yield line

    def fasta(self) -> Iterator[str]:
        """Yield the lines of a FASTA file, its sequence lines checked letter by letter."""
        record: list | None = None
        continued = False
        for line in self:
            if line.startswith(">") and not continued:
                if len(line) > MAX_HEADER:
                    raise self.error(f"the header is over {MAX_HEADER:,} characters long")
                record = [self.number, 0, ()]
                self.records.append(record)
                yield line
            elif record is None:
                if line.strip() and not line.startswith(";"):
                    raise self.error(
                        f"text {line.strip()[:20]!r} before the first header; "
                        "a FASTA record starts with a line '>id'"
                    )
            elif letters := line.strip():
                check_residues(letters, self._path, self.number)
                if _LAYOUT.search(letters):
                    letters = re.sub(r"[\d\s]", "", letters)
                    record[2] = ("layout_removed",)
                room = self._limit - record[1]
                record[1] += len(letters)
                if room > 0:
                    yield letters[:room] + "\n"
            continued = self._mid_line

    def error(self, message: str, record: str | None = None) -> InputError:
        return InputError(message, self._path, self.number, record)


def check_residues(
    letters: str, path: str | PathLike[str], line: int, record: str | None = None
) -> None:
    """Raise InputError at the first character that no DNA sequence holds."""
    unexpected = _UNEXPECTED.search(letters)
    if unexpected is None:
        return
    character = unexpected.group()
    if character == ">":
        message = "character '>' inside a sequence; is a newline missing before it?"
    elif len(_UNEXPECTED.findall(letters)) > 0.1 * len(letters):
        message = f"character {character!r} is no nucleotide; this looks like protein or text"
    else:
        message = f"character {character!r} in the sequence is no nucleotide or IUPAC code"
    raise InputError(message, path, line, record)


def read_fasta(stream: TextIO, path: str | PathLike[str], limit: int) -> Iterator[SequenceRecord]:
    """Yield the records of a FASTA stream; at most ``limit`` letters of each are kept."""
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    lines = _CheckedLines(stream, path, limit)
    for number, (title, sequence) in enumerate(SimpleFastaParser(lines.fasta()), 1):
        line, length, flags = lines.records.popleft()
        yield make_record(title, sequence, number, path, line, length, flags)


def read_fastq(stream: TextIO, path: str | PathLike[str], limit: int) -> Iterator[SequenceRecord]:
    """Yield the records of a FASTQ stream; qualities are read, checked and let go."""
    from Bio.SeqIO.QualityIO import FastqGeneralIterator

    lines = _CheckedLines(stream, path, limit)
    line = 1
    records = enumerate(FastqGeneralIterator(lines), 1)  # type: ignore[arg-type]
    while True:
        try:
            number, (title, sequence, _) = next(records)
        except StopIteration:
            return
        except ValueError as error:
            message = str(error).rstrip(".")
            raise lines.error(f"not valid FASTQ: {message[:1].lower()}{message[1:]}") from None
        check_residues(sequence, path, line + 1, title.partition(" ")[0])
        yield make_record(title, sequence[:limit], number, path, line, len(sequence))
        line = lines.number


def make_record(
    title: str,
    sequence: str,
    number: int,
    path: str | PathLike[str],
    line: int,
    length: int,
    flags: tuple[str, ...] = (),
    fields: dict[str, str] | None = None,
) -> SequenceRecord:
    """Build a record from its title; a record without an id is named by its number.

    A title that begins with white space has no id before it: ``> s1`` is read as ``s1``, which
    is what its author meant.
    """
    identifier, _, description = title.strip().replace("\t", " ").partition(" ")
    if _CONTROL.search(identifier):
        raise InputError(f"control character in the record's id {identifier!r}", path, line)
    if not identifier:
        identifier, flags = f"record_{number:06d}", (*flags, "no_id")
    return SequenceRecord(
        identifier, description.strip(), sequence, line, length, flags, fields or {}
    )
