"""Time `classify` from start to end, and other programs on the same reads.

    python benchmarks/classify.py QUERIES [--index INDEX --model MODEL] [--counts 500,2500]
        [--lengths whole,313,200,130] [--threads 2] [--references FASTA]

QUERIES is a table of barcodes. Reads of 313 bases or more are the end of a barcode, others begin
anywhere. Every command is run on two numbers of reads. From the difference follow the reads that it
names per second, and from that the seconds before the first read. Without --index it is what ships.
With --references, the sequences of the index as FASTA, VSEARCH and blastn are timed, too. Nothing
else should run on the machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from damage import fragment

from barcodeembed.sequences.reading import read_records

#: blastn takes a second or more for each read of a large reference.
_SLOWER = {"blastn": 50}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("queries", type=Path)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--lengths", default="whole,313,200,130")
    parser.add_argument("--counts", default="500,2500")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--references", type=Path)
    asked = parser.parse_args()
    few, many = map(int, asked.counts.split(","))
    print("| program | bases | seconds before the first read | reads per second |")
    print("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for length in asked.lengths.split(","):
            for name, command in commands(asked, Path(folder)):
                slower = _SLOWER.get(name, 1)
                seconds = []
                for count in (few // slower, many // slower):
                    reads = Path(folder) / f"{length}-{count}.fasta"
                    write_reads(asked.queries, length, count, reads)
                    seconds.append(timed([part.format(reads=reads) for part in command]))
                speed = (many - few) / slower / (seconds[1] - seconds[0])
                first = seconds[0] - few / slower / speed
                print(f"| {name} | {length} | {first:.1f} | {speed:,.1f} |", flush=True)


def commands(asked: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each program, and its command with a place for the reads.

    Options are those of ``evaluate --against`` (barcodeembed/evaluation/open_world/aligners.py).
    """
    threads = str(asked.threads)
    ours = [sys.executable, "-m", "barcodeembed", "classify", "{reads}", "-q", "-t", threads]
    if asked.index:
        ours += ["-i", str(asked.index), *(["-m", str(asked.model)] if asked.model else [])]
    yield "classify", ours
    if asked.references is None:
        return
    known = str(asked.references)
    vsearch = ["vsearch", "--usearch_global", "{reads}", "--db", known, "--id", "0.7"]
    vsearch += ["--userfields", "query+target+id", "--userout", "/dev/stdout"]
    yield "VSEARCH --usearch_global", [*vsearch, "--threads", threads]
    database = folder / "db"
    if not database.with_suffix(".nsq").exists():
        made = ["makeblastdb", "-in", known, "-dbtype", "nucl", "-out", str(database)]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    shown = ["-num_threads", threads, "-max_target_seqs", "10", "-max_hsps", "1", "-outfmt", "6"]
    yield "blastn", ["blastn", "-query", "{reads}", "-db", str(database), *shown]


def write_reads(queries: Path, length: str, count: int, path: Path) -> None:
    """Write the first reads of a table, cut to a length with seed 0, as FASTA."""
    rng = np.random.default_rng(0)
    size = int(length) if length.isdigit() else length
    with path.open("w", encoding="utf-8") as stream:
        written = 0
        for record in islice(read_records(queries), count):
            print(f">{record.id}\n{fragment(record.sequence.upper(), size, 0, rng)}", file=stream)
            written += 1
    if written < count:
        raise SystemExit(f"{queries} has fewer than {count} barcodes")


def timed(command: Sequence[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
