"""Long streams and simple processors: commands in processes of their own. All are slow."""

from __future__ import annotations

import os
import subprocess
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import IO

import pytest
from support import SIMULATED, command, rows_of

pytestmark = pytest.mark.slow

#: Records of the stream of `test_memory_does_not_grow_with_the_number_of_reads`.
RECORDS = int(os.environ.get("RECORDS", 400_000))

#: After as many records the memory is measured for the first time: ids are kept for 200,000, to
#: find those that repeat.
_FIRST = RECORDS * 5 // 8


def megabytes(process: int) -> float:
    """Return the peak of the resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1_000


def write_reads(stream: IO[bytes], read: bytes) -> None:
    with stream:
        for i in range(RECORDS):
            stream.write(b">r%d\n%s\n" % (i, b"ACGT" if i % 1_000 else read))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("words", ["classify - -i {index}", "embed - -m {model}"])
def test_memory_does_not_grow_with_the_number_of_reads(words, index_bundle, model_bundle):
    """Most reads are too short, so that the stream is long; one in a thousand has a vector."""
    read = (SIMULATED / "reads.fasta").read_text().split("\n")[1]
    arguments = words.format(index=index_bundle, model=model_bundle).split()
    with subprocess.Popen(
        command(*arguments, "-q"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        writer = Thread(target=write_reads, args=(process.stdin, read.encode()))
        writer.start()
        rows = iter(process.stdout)
        assert sum(1 for _ in islice(rows, _FIRST)) == _FIRST
        first = megabytes(process.pid)
        late = sum(1 for _ in islice(rows, RECORDS - _FIRST - 1_000))
        last = megabytes(process.pid)
        late += sum(1 for _ in rows)
        writer.join()
    assert process.returncode == 0
    assert _FIRST + late == RECORDS + 1  # and the header
    print(f"{words}: {first:.0f} MB after {_FIRST:,} records, {last:.0f} MB at the end")
    assert last < first + 8


def test_a_simple_processor_gives_the_same_names(index_bundle, run):
    """Vectors can differ in the last digits, and names cannot."""
    columns = ("status", "novel_rank", "taxon", "nearest_id", "strand")
    answers = []
    for capability in ("default", None):
        environment = os.environ | ({"ATEN_CPU_CAPABILITY": capability} if capability else {})
        result = run("classify", SIMULATED / "reads.fasta", "-i", index_bundle, env=environment)
        assert result.code == 0, result.err
        answers.append([[row[name] for name in columns] for row in rows_of(result.out)])
    assert len(answers[0]) > 100
    assert answers[0] == answers[1]
