"""Long streams and simple processors: commands in processes of their own. All are slow."""

from __future__ import annotations

import os
import subprocess
from itertools import islice, product
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


#: Older processors, and the instructions that other libraries for linear algebra would use.
PROCESSORS = {
    "no AVX": {"ATEN_CPU_CAPABILITY": "default"},
    "another BLAS": {
        "OPENBLAS_CORETYPE": "Prescott",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3",
    },
}


def test_a_simple_processor_gives_the_same_names(index_bundle, run):
    """Vectors can differ in the last digits, and names cannot."""
    columns = ("status", "novel_rank", "taxon", "nearest_id", "strand")
    answers = []
    for changed in ({}, *PROCESSORS.values()):
        environment = os.environ | changed
        result = run("classify", SIMULATED / "reads.fasta", "-i", index_bundle, env=environment)
        assert result.code == 0, result.err
        answers.append([[row[name] for name in columns] for row in rows_of(result.out)])
    assert len(answers[0]) > 100
    assert answers.count(answers[0]) == len(answers)


def test_ten_thousand_files_are_ten_thousand_samples(index_bundle, call, tmp_path):
    read = (SIMULATED / "reads.fasta").read_text().split("\n")[1]
    paths = [tmp_path / f"s{number}.fa" for number in range(10_000)]
    for number, path in enumerate(paths):
        path.write_text(f">r{number}\n{read if number % 1_000 == 0 else 'ACGT'}\n")
    result = call("classify", *paths, "-i", index_bundle, "-q")
    assert result.code == 0, result.err
    rows = rows_of(result.out)
    assert [(row["sample"], row["query_id"]) for row in rows] == [
        (f"s{number}", f"r{number}") for number in range(10_000)
    ]
    assert sum(row["status"] != "unclassifiable" for row in rows) == 10


def test_one_barcode_of_5_000_species_is_ambiguous(model_bundle, call, tmp_path):
    read = (SIMULATED / "reads.fasta").read_text().split("\n")[1]
    references, index = tmp_path / "same.fa", tmp_path / "same.bix"
    names = islice(product("abcdefghij", repeat=4), 5_000)
    references.write_text(
        "".join(
            f">r{i};tax=k:Animalia,f:Apidae,g:Apis,s:Apis_{''.join(name)}us;\n{read}\n"
            for i, name in enumerate(names)
        )
    )
    assert call("index", "build", references, "-m", model_bundle, "-o", index).code == 0
    (tmp_path / "reads.fa").write_text(f">q\n{read}\n")
    (row,) = rows_of(call("classify", tmp_path / "reads.fa", "-i", index).out)
    assert (row["status"], row["taxon"]) == ("ambiguous", "Apis")
