"""One way in: any sequence file, or standard input, becomes a stream of records."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from os import PathLike

from barcodeembed.errors import InputError
from barcodeembed.sequences.containers import DAMAGE, STDIN, open_source, sniff
from barcodeembed.sequences.fasta import read_fasta, read_fastq
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.tables import is_sequence_table, read_table

#: Letters of one record that are kept; a longer one (a contig, a chromosome) is cut, not refused.
KEPT_LETTERS = 1_000_000


def read_records(
    source: str | PathLike[str], *, encoding: str = "utf-8", limit: int = KEPT_LETTERS
) -> Iterator[SequenceRecord]:
    """Yield the records of a FASTA, FASTQ, TSV or CSV file in order, as a stream.

    ``source`` is a path or ``-`` for standard input; gzip, bzip2, xz and zstandard are told by
    their bytes, and the format by its first character or header. Memory does not grow with the
    file. Raises InputError, naming file and line, at the first thing that cannot be read.
    """
    path = "standard input" if source == STDIN else source
    count, last, container = 0, "", "plain"
    try:
        stream, container = open_source(source)
        with stream:
            for record in _parse(stream, path, encoding, limit):
                yield record
                count, last = count + 1, record.id
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte 0x{error.object[error.start]:02x} is not {error.encoding} text, "
            f"after {_place(count, last)}; give the file's encoding, as in --encoding latin-1",
            path,
        ) from None
    except DAMAGE as error:
        what = "truncated" if isinstance(error, EOFError) else "damaged"
        raise InputError(f"{what} {container} after {_place(count, last)}", path) from None
    except OSError as error:
        if container == "bzip2" and error.errno is None:
            raise InputError(f"damaged bzip2 after {_place(count, last)}", path) from None
        raise


def chain_records(
    sources: Iterable[str | PathLike[str]], *, encoding: str = "utf-8"
) -> Iterator[SequenceRecord]:
    """Yield the records of several files, one file after the other."""
    for source in sources:
        yield from read_records(source, encoding=encoding)


def _parse(stream, path, encoding: str, limit: int) -> Iterator[SequenceRecord]:
    stream, start = sniff(stream, path)
    if b"\x00" in start and not start.lstrip().startswith((b">", b"@")):
        raise InputError("not a sequence file: it holds binary data", path)
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"  # a byte-order mark is no part of the first id
    text = io.TextIOWrapper(stream, encoding=encoding, newline=None)
    first = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if first.startswith(b"@"):
        return read_fastq(text, path, limit)
    if first and not first.startswith((b">", b";")):
        # A header may be longer than the bytes sniffed, so the whole line is looked at.
        head = text.readline()
        if is_sequence_table(head):
            return read_table(_Unread(head, text), path, limit)
        return read_fasta(_Unread(head, text), path, limit)
    return read_fasta(text, path, limit)


class _Unread:
    """A text stream with its first line put back."""

    def __init__(self, head: str, rest: io.TextIOWrapper) -> None:
        self._head, self._rest = head, rest

    def readline(self, size: int = -1) -> str:
        head, self._head = self._head, ""
        return head or self._rest.readline(size)

    def __iter__(self) -> Iterator[str]:
        while line := self.readline():
            yield line


def _place(count: int, last: str) -> str:
    return f"record {last} ({count:,} records read)" if count else "0 records"
