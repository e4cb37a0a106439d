"""Read FASTA and FASTQ with Biopython's parsers, from lines that are checked and counted here.

Biopython's parsers skip text before the first header, drop spaces, and do not report line numbers.
So every line is checked before it reaches them.
"""

from __future__ import annotations

import re
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np

from barcodeembed.errors import InputError, InputWarning
from barcodeembed.sequences.lines import Lines, refuse_control
from barcodeembed.sequences.records import SequenceRecord

#: Maximum length of a header, in characters. A file with a longer one is not FASTA.
MAX_HEADER = 65_536

#: Longer lines are read in chunks of this many characters.
CHUNK = 1 << 20

#: Characters of a blank line. Not str.isspace, which accepts some control characters.
BLANKS = " \t\n"

#: IUPAC codes, gaps, and I: inosine, which pairs with any base and occurs in real records.
_RESIDUES = "ACGTURYSWKMBDHVNIacgturyswkmbdhvni.-"
#: Most sequences have no other letters, which takes less time to find out than what others are.
_USUAL = "ACGTNacgtn"

_UNEXPECTED = re.compile(f"[^{re.escape(_RESIDUES)}\\s0-9]")
_NO_QUALITY = re.compile("[^!-~]")
_LAYOUT = re.compile(r"\d|\S\s+\S")

#: The error probability of each character of a line of qualities, Phred with offset 33. A quality
#: below 2 means that nothing is known (Illumina's Q0 and Q1 do not occur): the base is random.
_ERROR_PROBABILITIES = np.minimum(10 ** (-(np.arange(256) - 33) / 10.0), 0.75)


#: The lowest (Solexa's -5) and highest characters of qualities with the offset 64, and the highest
#: of Illumina's with the offset 33.
_LOWEST_64, _HIGHEST_64, _HIGHEST_33 = ord(";"), ord("i"), ord("K")


@dataclass(slots=True)
class _Header:
    """What Biopython does not report about the FASTA record that is being read."""

    id: str
    line: int
    length: int = 0
    flags: tuple[str, ...] = ()


def read_fasta(lines: Lines, limit: int) -> Iterator[SequenceRecord]:
    """Yield the records of a FASTA file; at most ``limit`` letters of each are kept."""
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    headers: deque[_Header] = deque()
    parsed = SimpleFastaParser(_checked(lines, limit, headers))
    for number, (title, sequence) in enumerate(parsed, 1):
        record = headers.popleft()
        yield make_record(
            *split_title(title), sequence, number, record.line, record.length, record.flags
        )


def _checked(lines: Lines, limit: int, headers: deque[_Header]) -> Iterator[str]:
    """Yield the lines of a FASTA file, with every letter of a sequence checked.

    Appends to ``headers`` what Biopython does not report about a record.
    """
    record: _Header | None = None
    continued = False
    while line := lines.readline(CHUNK):
        if line.startswith(">") and not continued:
            if len(line) > MAX_HEADER:
                raise lines.error(f"the header is over {MAX_HEADER:,} characters long")
            record = _Header(split_title(line[1:])[0], lines.number)
            check_id(record.id, lines.path, lines.number)
            headers.append(record)
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
    """Skip a line before the first header if it is blank or an old-style comment."""
    if line.startswith(";"):
        warnings.warn(
            InputWarning(f"{lines.path}: lines that begin with ';' are read as comments"),
            stacklevel=2,
        )
    elif line.strip(BLANKS):
        raise lines.error(
            f"text {line.strip()[:20]!r} before the first header; "
            "a FASTA record starts with a line '>id', and a table needs a column named "
            "nucleotides, nuc, dna_barcode, sequence or nucraw"
        )


def read_fastq(lines: Lines, limit: int) -> Iterator[SequenceRecord]:
    """Yield the records of a FASTQ file. The qualities become one error rate."""
    from Bio.SeqIO.QualityIO import FastqGeneralIterator

    line = lines.number + 1
    # Biopython asks for a TextIO, but uses only what Lines has.
    records = enumerate(FastqGeneralIterator(lines), 1)  # type: ignore[arg-type]
    while True:
        try:
            number, (title, sequence, qualities) = next(records)
        except StopIteration:
            return
        except ValueError as error:
            message = str(error).rstrip(".")
            raise InputError(
                f"not valid FASTQ: {message[:1].lower()}{message[1:]}", lines.path, line
            ) from None
        identifier, description = split_title(title)
        check_id(identifier, lines.path, line)
        if wrong := _NO_QUALITY.search(qualities):
            raise InputError(
                f"not valid FASTQ: {wrong[0]!r} is no quality", lines.path, line, identifier
            )
        sequence, flags = tidy_residues(sequence, lines.path, line + 1, identifier)
        record = make_record(
            identifier, description, sequence[:limit], number, line, len(sequence), flags
        )
        yield replace(record, error_rate=_error_rate(qualities))
        line = lines.number  # Biopython has already read the next record's header


def _error_rate(qualities: str) -> float | None:
    """Return the mean of the error probabilities 10^(-Q/10) of Phred qualities, offset 33.

    Qualities that are all high, and some higher than Illumina's, can have the offset 64 of earlier
    sequencers. Then they show nothing, and None is returned.
    """
    if not qualities:
        return None
    codes = np.frombuffer(qualities.encode("ascii"), np.uint8)
    if codes.min() >= _LOWEST_64 and _HIGHEST_33 < codes.max() <= _HIGHEST_64:
        return None
    return float(_ERROR_PROBABILITIES[codes].mean())


def tidy_residues(
    letters: str, path: str | PathLike[str], line: int | None, record: str
) -> tuple[str, tuple[str, ...]]:
    """Remove the digits and inner spaces of a GenBank layout; return the letters and flags.

    The flags are ``("layout_removed",)`` if anything was removed. Raises InputError at the first
    character that cannot be part of a DNA sequence.
    """
    if not letters.strip(_USUAL):
        return letters, ()
    unexpected = _UNEXPECTED.search(letters)
    if unexpected is None:
        if _LAYOUT.search(letters):
            return re.sub(r"[\d\s]", "", letters), ("layout_removed",)
        return letters, ()
    character = unexpected.group()
    if character == ">":
        message = "character '>' inside a sequence; is a newline missing before it?"
    elif len(_UNEXPECTED.findall(letters)) > 0.1 * len(letters):
        message = f"character {character!r} is not a nucleotide; this looks like protein or text"
    else:
        message = f"character {character!r} in the sequence is not a nucleotide or IUPAC code"
    raise InputError(message, path, line, record)


def split_title(title: str) -> tuple[str, str]:
    """Split a header, without its ``>`` or ``@``, into the id and the description.

    Leading white space is ignored: ``> s1`` is read as ``s1``, which is what its author meant.
    """
    identifier, _, description = title.strip().replace("\t", " ").partition(" ")
    return identifier, description.strip()


def check_id(identifier: str, path: str | PathLike[str], line: int) -> None:
    """Raise InputError if an id contains a control character."""
    refuse_control(identifier, "the record's id", path, line)


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
    """Build a record. A record without an id is named after its number and flagged ``no_id``."""
    if not identifier:
        identifier, flags = f"record_{number:06d}", (*flags, "no_id")
    return SequenceRecord(identifier, sequence, description, line, length, flags, fields or {})
