"""The samples of a run: their names, and the files that have their reads."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from barcodeembed.classify.assignment import Assignment
from barcodeembed.errors import InputError
from barcodeembed.sequences.containers import STDIN
from barcodeembed.sequences.lines import open_lines, refuse_control
from barcodeembed.sequences.parts import ALL, Part
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.tables import find_column, read_rows
from barcodeembed.vocabulary import COMPRESSED

if TYPE_CHECKING:
    from barcodeembed.classify.pipeline import Classifier

_COMPRESSED = (*COMPRESSED, ".zst")

#: Columns of a sheet with the path of the reads. The first is that of nf-core's sheets.
FILE_COLUMNS = ("fastq_1", "reads", "fasta", "fastq", "file", "path")


class Sample(NamedTuple):
    """A sample, and the files of its reads, in order."""

    name: str
    files: tuple[str, ...]


class Answer(NamedTuple):
    """A record, its sample (None if the run has no samples), and its assignment."""

    sample: str | None
    record: SequenceRecord
    assignment: Assignment


def sample_name(source: str | os.PathLike[str]) -> str:
    """Return the name of a file without its suffix and the suffix of its compression.

    >>> sample_name("run/S1.names.tsv.gz")
    'S1.names'
    """
    if os.fspath(source) == STDIN:
        return "stdin"
    path = PurePath(source)
    return PurePath(path.stem).stem if path.suffix in _COMPRESSED else path.stem


def check_names(names: Sequence[str], sources: Sequence[str], advice: str) -> None:
    """Raise InputError if two files would be the same sample, or a name has a control character."""
    for number, name in enumerate(names):
        if len(names) > 1:  # or the name is not written
            refuse_control(name, "the name of the sample", sources[number])
        if name in names[:number]:
            first = sources[names.index(name)]
            raise InputError(
                f"{first} and {sources[number]} would both be the sample {name}; {advice}"
            )


def samples_of(sources: Sequence[str]) -> list[Sample]:
    """Return a sample for each file. Raises InputError if two would be the same sample.

    >>> samples_of(["run/S1.fasta", "run/S2.fasta.gz"])[1]
    Sample(name='S2', files=('run/S2.fasta.gz',))
    """
    names = [sample_name(source) for source in sources]
    check_names(names, sources, "rename one, or name the samples with --samples")
    return [Sample(name, (source,)) for name, source in zip(names, sources, strict=True)]


def read_sheet(path: str | os.PathLike[str]) -> list[Sample]:
    """Return the samples of a sheet, a CSV or TSV with a column ``sample`` and one of FILE_COLUMNS.

    Paths are relative to the sheet. A sample with several rows has several files. Raises InputError
    if a column or a cell is missing.
    """
    files: dict[str, list[str]] = {}
    with open_lines(path) as (lines, _):
        header, rows = read_rows(lines)
        name_column = find_column(header, ["sample", "sample_id"])
        file_column = find_column(header, FILE_COLUMNS)
        if name_column is None or file_column is None:
            raise InputError(
                f"a sheet of samples needs the columns sample and {FILE_COLUMNS[1]}; it has "
                f"{', '.join(header)}",
                lines.path,
                1,
            )
        for line, cells in rows:
            name, file = cells[name_column].strip(), cells[file_column].strip()
            if not name or not file:
                raise InputError("a sample without a name or a file", lines.path, line)
            refuse_control(name, "the name of the sample", lines.path, line)
            refuse_control(file, "the name of the file", lines.path, line)
            source = str(Path(path).parent / file)
            if source in files.setdefault(name, []):
                raise InputError(f"{file} occurs twice in the sample {name}", lines.path, line)
            files[name].append(source)
    if not files:
        raise InputError("no samples", path)
    return [Sample(name, tuple(paths)) for name, paths in files.items()]


def classify_samples(
    classifier: Classifier,
    samples: Iterable[Sample],
    read: Callable[[str], Iterator[SequenceRecord]],
    *,
    named: bool,
    batch_size: int,
    part: Part = ALL,
    done: Callable[[Sample], None] = lambda sample: None,
) -> Iterator[Answer]:
    """Classify the records of all samples, in order, each sample as if it were alone.

    Index and model are those of ``classifier``. ``read`` opens a file, and ``done`` is called after
    each sample. If not ``named``, the answers have no sample. With a ``part``, there are answers
    only for its records, of all samples.
    """
    for sample in samples:
        records = _Noted((r for file in sample.files for r in read(file)), part)
        for assignment in classifier.classify(iter(records), batch_size=batch_size, part=part):
            record = records.waiting.popleft()
            yield Answer(sample.name if named else None, record, assignment)
        part = part.after(records.count)
        done(sample)


class _Noted:
    """Yields the records of a sample; those of the part wait for their assignment."""

    def __init__(self, records: Iterable[SequenceRecord], part: Part) -> None:
        self._records, self._part = records, part
        self.waiting: deque[SequenceRecord] = deque()
        self.count = 0

    def __iter__(self) -> Iterator[SequenceRecord]:
        for record in self._records:
            if self._part.has(self.count):
                self.waiting.append(record)
            self.count += 1
            yield record


def found_by(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    """Return a function from a query id to the text of the pattern's one group, or None.

    >>> found_by(re.compile("sample=([^;]+)"))("q1;sample=S1;size=4")
    'S1'
    """

    def sample_of(query_id: str) -> str | None:
        match = pattern.search(query_id)
        return (match[1] or None) if match else None

    return sample_of
