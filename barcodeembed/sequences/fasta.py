"""FASTA and FASTQ, assembled by Biopython from lines that are checked and counted here.

Biopython's parsers are lenient and silent: they skip text before the first header, drop spaces
and know no line numbers. So every line is looked at on its way to them.
"""

from __future__ import annotations

import re
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike

from barcodeembed.errors import InputError, InputWarning
from barcodeembed.sequences.lines import Lines
from barcodeembed.sequences.records import SequenceRecord

#: Longest header that is taken for one (bytes of text); beyond it the file is not FASTA.
MAX_HEADER = 65_536

#: Longer lines are read in pieces of this many characters.
PIECE = 1 << 20

#: What makes no text; not str.isspace, which takes some control characters for spaces.
BLANKS = " \t\n"

#: IUPAC codes, gaps, and I: inosine, which pairs with any base and stands in real records.
_RESIDUES = "ACGTURYSWKMBDHVNIacgturyswkmbdhvni.-"
_UNEXPECTED = re.compile(f"[^{re.escape(_RESIDUES)}\\s0-9]")
_LAYOUT = re.compile(r"\d|\S\s+\S")
#: What would break a row of the output in two, or the terminal that shows it.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(slots=True)
class _Open:
    """The FASTA record that is being read."""

    id: str
    line: int
    length: int = 0
    flags: tuple[str, ...] = ()


def read_fasta(lines: Lines, limit: int) -> Iterator[SequenceRecord]:
    """Yield the records of a FASTA file; at most ``limit`` letters of each are kept."""
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    opened: deque[_Open] = deque()
    parsed = SimpleFastaParser(_checked(lines, limit, opened))
    for number, (title, sequence) in enumerate(parsed, 1):
        record = opened.popleft()
        yield make_record(
            *split_title(title), sequence, number, record.line, record.length, record.flags
        )


def _checked(lines: Lines, limit: int, opened: deque[_Open]) -> Iterator[str]:
    """Yield the lines of a FASTA file, its sequence lines checked letter by letter.

    What Biopython does not tell of a record is queued in ``opened``.
    """
    record: _Open | None = None
    continued = False
    while line := lines.readline(PIECE):
        if line.startswith(">") and not continued:
            if len(line) > MAX_HEADER:
                raise lines.error(f"the header is over {MAX_HEADER:,} characters long")
            record = _Open(split_title(line[1:])[0], lines.number)
            check_id(record.id, lines.path, lines.number)
            opened.append(record)
            yield line
        elif record is None:
            _skip(line, lines)
        elif letters := line.strip():
            letters, flags = tidy_residues(letters, lines.path, lines.number, record.id)
            record.flags = record.flags or flags
            room = limit - record.length
            record.length += len(letters)
            if room > 0:
                yield letters[:room] + "\n"
        continued = lines.mid_line


def _skip(line: str, lines: Lines) -> None:
    """Pass over a line before the first header if it is blank or an old-style comment."""
    if line.startswith(";"):
        warnings.warn(
            InputWarning(f"{lines.path}: lines that begin with ';' are taken for comments"),
            stacklevel=2,
        )
    elif line.strip(BLANKS):
        raise lines.error(
            f"text {line.strip()[:20]!r} before the first header; "
            "a FASTA record starts with a line '>id', a table with a column nucleotides, nuc, "
            "dna_barcode, sequence or nucraw"
        )


def read_fastq(lines: Lines, limit: int) -> Iterator[SequenceRecord]:
    """Yield the records of a FASTQ file; qualities are read, checked and let go."""
    from Bio.SeqIO.QualityIO import FastqGeneralIterator

    line = lines.number + 1
    records = enumerate(FastqGeneralIterator(lines), 1)  # type: ignore[arg-type]
    while True:
        try:
            number, (title, sequence, _) = next(records)
        except StopIteration:
            return
        except ValueError as error:
            message = str(error).rstrip(".")
            raise InputError(
                f"not valid FASTQ: {message[:1].lower()}{message[1:]}", lines.path, line
            ) from None
        identifier, description = split_title(title)
        check_id(identifier, lines.path, line)
        sequence, flags = tidy_residues(sequence, lines.path, line + 1, identifier)
        yield make_record(
            identifier, description, sequence[:limit], number, line, len(sequence), flags
        )
        line = lines.number  # Biopython has read the next record's header


def tidy_residues(
    letters: str, path: str | PathLike[str], line: int, record: str
) -> tuple[str, tuple[str, ...]]:
    """Return the letters without a layout's digits and inner spaces, and the flag for these.

    Raises InputError at the first character that no DNA sequence holds.
    """
    unexpected = _UNEXPECTED.search(letters)
    if unexpected is None:
        if _LAYOUT.search(letters):
            return re.sub(r"[\d\s]", "", letters), ("layout_removed",)
        return letters, ()
    character = unexpected.group()
    if character == ">":
        message = "character '>' inside a sequence; is a newline missing before it?"
    elif len(_UNEXPECTED.findall(letters)) > 0.1 * len(letters):
        message = f"character {character!r} is no nucleotide; this looks like protein or text"
    else:
        message = f"character {character!r} in the sequence is no nucleotide or IUPAC code"
    raise InputError(message, path, line, record)


def split_title(title: str) -> tuple[str, str]:
    """Split a header, without its mark, into the id and the description.

    A title that begins with white space has no id before it: ``> s1`` is read as ``s1``, which
    is what its author meant.
    """
    identifier, _, description = title.strip().replace("\t", " ").partition(" ")
    return identifier, description.strip()


def check_id(identifier: str, path: str | PathLike[str], line: int) -> None:
    """Raise InputError at an id with a character that shows as none."""
    if _CONTROL.search(identifier):
        raise InputError(f"control character in the record's id {identifier[:40]!r}", path, line)


def make_record(
    identifier: str,
    description: str,
    sequence: str,
    number: int,
    line: int,
    length: int,
    flags: tuple[str, ...] = (),
    fields: dict[str, str] | None = None,
) -> SequenceRecord:
    """Build a record; one without an id is named by its number."""
    if not identifier:
        identifier, flags = f"record_{number:06d}", (*flags, "no_id")
    return SequenceRecord(identifier, description, sequence, line, length, flags, fields or {})
