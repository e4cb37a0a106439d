"""What users may give as sequences: one sequence, several, records, or a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sized
from dataclasses import replace
from os import PathLike
from typing import Any, TypeAlias

from barcodeembed.errors import InputError
from barcodeembed.sequences.fasta import tidy_residues
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord

#: Everything that `records_of` accepts. Biopython's and scikit-bio's sequences are also accepted.
Sequences: TypeAlias = str | PathLike[str] | SequenceRecord | Iterable[str | SequenceRecord]

#: A text of only these characters, with a letter among them, is a sequence and not a file name.
_SEQUENCE = re.compile(r"[ACGTURYSWKMBDHVNIacgturyswkmbdhvni.\-\s]*")

#: Characters of a text that an error message quotes.
_QUOTED = 40

_ACCEPTED = "give a DNA sequence, a list of sequences, records, or the path of a sequence file"


def records_of(sequences: Sequences, *, encoding: str = "utf-8") -> Iterator[SequenceRecord]:
    """Yield the records of whatever a user gave as sequences.

    - A path object (`pathlib.Path`) is a sequence file.
    - A text of IUPAC letters and gaps is one sequence.
    - Another text is the path of a sequence file.
    - A list, a pandas Series or another iterable contains sequences and records, not paths.

    A sequence without an id is called ``sequence_1``, ``sequence_2`` and so on, by its position.
    Raises InputError for everything else, and for letters that cannot be part of DNA.

    >>> [record.id for record in records_of(["ACGT", "GGTA"])]
    ['sequence_1', 'sequence_2']
    """
    if isinstance(sequences, str):
        return _records_of_text(sequences, encoding)
    if isinstance(sequences, PathLike):
        return read_records(sequences, encoding=encoding)
    if isinstance(sequences, SequenceRecord) or hasattr(sequences, "reverse_complement"):
        return _records_of_items([sequences])
    if hasattr(sequences, "columns"):
        raise InputError("a table is not a list of sequences; give the column of the sequences")
    if isinstance(sequences, bytes) or not isinstance(sequences, Iterable):
        raise InputError(
            f"an object of type {type(sequences).__name__} cannot be read; {_ACCEPTED}"
        )
    return _records_of_items(sequences)


def called(sequences: Sequences) -> str:
    """Return a short name of the input, for messages.

    >>> called("ACGT"), called("reads.fasta"), called(["ACGT", "GGTA"])
    ('1 sequence', 'reads.fasta', '2 sequences')
    """
    if isinstance(sequences, SequenceRecord):
        return sequences.id
    if isinstance(sequences, str) and _is_sequence(sequences):
        return "1 sequence"
    if isinstance(sequences, str | PathLike):
        return os.fspath(sequences)
    if not isinstance(sequences, Sized):
        return "a stream of sequences"
    count = 1 if hasattr(sequences, "reverse_complement") else len(sequences)
    return "1 sequence" if count == 1 else f"{count:,} sequences"


def _is_sequence(text: str) -> bool:
    return _SEQUENCE.fullmatch(text) is not None and re.search("[A-Za-z]", text) is not None


def _records_of_text(text: str, encoding: str) -> Iterator[SequenceRecord]:
    is_file = os.path.isfile(text)
    if _is_sequence(text):
        if is_file:
            raise InputError(
                f"{text!r} is the name of a file and could also be a sequence; give the file as "
                "pathlib.Path, or the sequence in a list"
            )
        return _records_of_items([text])
    if is_file:
        return read_records(text, encoding=encoding)
    quoted = repr(text if len(text) <= _QUOTED else text[:_QUOTED] + "...")
    if text.lstrip().startswith((">", "@")):
        raise InputError(
            f"{quoted} is the text of a FASTA or FASTQ file; write it to a file and give the path, "
            "or give a list of sequences"
        )
    raise InputError(f"{quoted} is neither a DNA sequence nor an existing file; {_ACCEPTED}")


def _records_of_items(items: Iterable[Any]) -> Iterator[SequenceRecord]:
    for number, item in enumerate(items, 1):
        if isinstance(item, SequenceRecord):
            letters, flags = tidy_residues(item.sequence, f"record {item.id}", None, "")
            yield replace(item, sequence=letters, flags=(*item.flags, *flags)) if flags else item
            continue
        name, description = f"sequence_{number}", ""
        if hasattr(item, "seq"):  # a SeqRecord of Biopython
            name, description, item = item.id or name, item.description or "", item.seq
        if not isinstance(item, str) and not hasattr(item, "reverse_complement"):
            raise InputError(
                f"sequence {number} is of type {type(item).__name__}; a sequence must be a text "
                "such as 'ACGT', or a record"
            )
        text = "".join(str(item).split())
        letters, flags = tidy_residues(text, f"sequence {number}", None, "")
        yield SequenceRecord(name, letters, description, number, flags=flags)
