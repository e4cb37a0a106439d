"""Read tables (TSV, CSV) with a sequence column: BOLD, BIOSCAN-5M, CanadianInvertebrates.

The standard library's csv reader is used because it streams and counts lines, so that an error can
name the line. No cell is read as a missing value or a number (``NA`` is Namibia).
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from barcodeembed.errors import InputError
from barcodeembed.sequences.fasta import check_id, make_record, tidy_residues
from barcodeembed.sequences.lines import Lines
from barcodeembed.sequences.records import SequenceRecord

#: Names of columns with sequences and with ids, the first that exists is used. Case, spaces and
#: signs in a name do not matter.
SEQUENCE_COLUMNS = (
    *("nucleotides", "nuc", "dna_barcode", "sequence", "nucraw", "sequences", "seq", "seqs"),
    *("dna", "dna_sequence", "nucleotide", "nucleotide_sequence", "nuc_sequence"),
    *("barcode_sequence", "consensus_sequence", "sequence_data", "fasta_sequence", "bases"),
)
ID_COLUMNS = (
    *("record_id", "processid", "sampleid", "id", "feature_id", "sequence_id", "seq_id"),
    *("accession_version", "accession", "accession_number", "genbank_accession", "acc", "gb_acs"),
    *("insdc_acs", "identifier", "ident", "otu_id", "otu", "asv_id", "asv", "specimen_id"),
    *("ncbi_accession", "accession_no", "accession_id", "acc_no", "genbank_id", "ncbi_id", "uid"),
    *("catalog_number", "occurrence_id", "gbif_id", "sequence_name", "seq_name"),
)

#: The columns of a table of CRABS, which has no header line; older versions have no name.
_CRABS = (
    *("seqid", "name", "taxid", "superkingdom", "phylum", "class", "order", "family", "genus"),
    *("species", "sequence"),
)
_BASES = re.compile(r"[ACGTURYSWKMBDHVN-]{20,}", re.IGNORECASE)

#: Maximum characters of a header line in an error message.
_MAX_SHOWN = 200

#: What BOLD's packages write for a record without a sequence.
_NO_SEQUENCE = ("none", "null")

csv.field_size_limit(1 << 28)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table with the ids and with the sequences; None for the usual ones."""

    id: str | None = None
    sequence: str | None = None

    def find_id(self, header: Sequence[str]) -> str | None:
        """Return the name of the column with the ids, or None if there is none."""
        wanted = (self.id,) if self.id else ID_COLUMNS
        return find_column(header, wanted) or (header[0] if header[0] == "" else None)

    def find_sequence(self, header: Sequence[str]) -> str | None:
        """Return the name of the column with the sequences, or None if there is none."""
        return find_column(header, (self.sequence,) if self.sequence else SEQUENCE_COLUMNS)


#: The usual names of columns.
USUAL = Columns()


def find_column(header: Sequence[str], wanted: Iterable[str]) -> str | None:
    """Return the first of the wanted columns that a table has, by the name in the table.

    >>> find_column(["genus", "sequence id"], ["id", "sequence_id"])
    'sequence id'
    """
    wanted = list(wanted)
    bare = {_bare(name): name for name in reversed(header)}
    same = (name for name in wanted if name in header)
    alike = (bare[_bare(name)] for name in wanted if _bare(name) in bare)
    return next(same, None) or next(alike, None)


def _bare(name: str) -> str:
    """Return the letters and digits of a column name."""
    return "".join(filter(str.isalnum, name.lower())) or name


def read_rows(
    lines: Lines, header: list[str] | None = None, *, as_written: bool = False
) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Read a table's header and return it with an iterator over (line, row as a dict).

    Column names are converted to lower case. The delimiter is a tab if the header contains one,
    otherwise a comma, otherwise a semicolon. In a tab-separated table, quotes around a whole cell
    are removed unless ``as_written``, and others have no meaning. R's row names, a column without
    a header, are skipped.
    A table without a header line needs ``header``. Raises InputError if a row has another number
    of columns than the header, or if two columns of one name differ.
    """
    head = lines.readline()
    delimiter = _delimiter(head)
    if header:
        lines.put_back(head)
    else:
        header = [name.strip().lower() for name in split_line(head)]
    width, quoted = len(header), head.startswith('"')

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        for line, values in _split(lines, delimiter, lines, as_written):
            if not values:
                continue
            if quoted and len(values) == width + 1:
                del values[0]
            if len(values) != width:
                raise InputError(
                    f"the row has {len(values)} columns, the header has {width}", lines.path, line
                )
            row = dict(zip(header, values, strict=True))
            yield line, row if len(row) == width else _merged(header, values, lines.path, line)

    return header, rows()


def _merged(
    header: list[str], values: list[str], path: str | os.PathLike[str], line: int
) -> dict[str, str]:
    """Return a row of a table with two columns of one name; an empty cell gives way to the other.

    Raises InputError if they differ: nothing shows which one is meant.
    """
    row: dict[str, str] = {}
    for name, value in zip(header, values, strict=True):
        other = row.get(name)
        if name and value and other and value != other:
            raise InputError(
                f"the table has two columns {name!r}, with {other[:40]!r} and {value[:40]!r}; "
                "remove or rename one",
                path,
                line,
            )
        row[name] = other or value
    return row


def split_line(line: str) -> list[str]:
    """Split one line of a table into its cells, without the quotes around them."""
    delimiter = _delimiter(line)
    if delimiter == "\t":
        return [unquote(cell.strip()) for cell in line.rstrip("\n").split("\t")]
    return next(csv.reader([line], delimiter=delimiter), [])


def _delimiter(head: str) -> str:
    return next((d for d in "\t,;" if d in head), "\t")


def _split(
    source: Iterable[str], delimiter: str, lines: Lines, as_written: bool
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of ``source`` as cells, each with the line of ``lines`` on which it begins."""
    if delimiter == "\t":
        for text in source:
            cells = text.rstrip("\n").split("\t")
            if '"' in text and not as_written:
                cells = [unquote(cell) for cell in cells]
            yield lines.number, [] if cells == [""] else cells
        return
    last = [""]
    reader = csv.reader(_remember(source, last), delimiter=delimiter, strict=True)
    while True:
        line = lines.number + 1  # a quoted cell may span several lines
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "expected after" not in str(error) or line != lines.number:
                raise InputError(f"not a valid table: {error}", lines.path, line) from None
            values = next(csv.reader(last, delimiter=delimiter))  # "Apis" mellifera
        yield line, values


def _remember(source: Iterable[str], last: list[str]) -> Iterator[str]:
    for last[0] in source:
        yield last[0]


def unquote(cell: str) -> str:
    r"""Remove the quotes around a cell, and those that were doubled or escaped inside it.

    >>> unquote('"Apis ""m"" L."'), unquote('Apis "m."')
    ('Apis "m" L.', 'Apis "m."')
    """
    if len(cell) < 2 or cell[0] != '"' or cell[-1] != '"':
        return cell
    return cell[1:-1].replace('\\"', '"').replace('""', '"')


def is_sequence_table(first_line: str, columns: Columns = USUAL) -> bool:
    """Return whether a line is the header of a table with sequences, or is a row of CRABS.

    >>> is_sequence_table("processid,genus,dna_barcode")
    True
    >>> is_sequence_table("ACGT")
    False
    """
    if not re.search("[\t,;]", first_line):
        return False
    header = [name.strip().lower() for name in split_line(first_line)]
    return columns.find_sequence(header) is not None or _crabs_columns(first_line) is not None


def _crabs_columns(first_line: str) -> list[str] | None:
    """Return the names of the columns of a table of CRABS, given its first row."""
    cells = first_line.rstrip("\n").split("\t")
    width = len(cells)
    if width in (10, 11) and cells[width - 9].isdigit() and _BASES.fullmatch(cells[-1]):
        return [_CRABS[0], *_CRABS[12 - width :]]
    return None


def refuse_table(first_line: str, lines: Lines, columns: Columns) -> None:
    """Raise InputError if a line looks like the header of a table without sequences."""
    cells = [cell.strip() for cell in split_line(first_line)]
    if len(cells) > 2 and _BASES.fullmatch(cells[-1]):
        raise InputError(
            "a table without a header line; add a line with the names of the columns, for example: "
            "id, family, genus, species, sequence",
            lines.path,
            1,
        )
    if columns.sequence or (len(cells) > 2 and not _BASES.search(first_line)):
        wanted = columns.sequence or ", ".join(SEQUENCE_COLUMNS)
        raise InputError(
            f"a table without a column of sequences, {wanted}; its first line has "
            f"{', '.join(cells)[:_MAX_SHOWN]}; name the column with --sequence-column",
            lines.path,
            1,
        )


def read_table(lines: Lines, limit: int, columns: Columns = USUAL) -> Iterator[SequenceRecord]:
    """Yield the records of a table. ``fields`` has all columns but the sequence."""
    head = lines.readline()
    lines.put_back(head)
    header, rows = read_rows(lines, _crabs_columns(head))
    sequence_column = columns.find_sequence(header)
    assert sequence_column is not None  # or it is no table with sequences
    id_column = columns.find_id(header)
    if columns.id and id_column is None:
        raise lines.error(f"the table has no column {columns.id!r}; it has {', '.join(header)}")
    for number, (line, row) in enumerate(rows, 1):
        identifier = row[id_column].strip().replace(" ", "_") if id_column is not None else ""
        check_id(identifier, lines.path, line)
        written = row.pop(sequence_column).strip()
        if written.lower() in _NO_SEQUENCE:
            written = ""
        letters, flags = tidy_residues(written, lines.path, line, identifier)
        yield make_record(identifier, "", letters[:limit], number, line, len(letters), flags, row)
