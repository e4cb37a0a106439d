"""Time `classify` from start to end, and other programs on the same reads, in turns.

    python benchmarks/classify.py QUERIES [--index INDEX --model MODEL] [--counts 500,2500]
        [--lengths whole,313,200,130] [--threads 2] [--rounds 1] [--peers] [--only NAME]

QUERIES is a table of barcodes. Reads of 313 bases or more are the end of a barcode, others begin
anywhere. Every command is run on two numbers of reads. From the difference follow the reads that it
names per second, and from that the seconds before the first read. Without --index it is what ships.
With --peers, VSEARCH, SINTAX, blastn and MMseqs2 are timed, too, with the references of the index;
with --only, which can be repeated, only programs whose names contain it.
With --rounds, the median of several times counts. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from damage import fragment

from barcodeembed.evaluation.open_world.aligners import write_references
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.sequences.reading import read_records

#: Programs that take a second or more for some reads of a large reference, and how many times
#: fewer reads they get.
_FEWER = {"VSEARCH --sintax": 5, "blastn (megablast)": 50, "MMseqs2 easy-search": 50}

#: The speed of each run (reads per second) and its seconds before the first read.
_Runs = list[tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("queries", type=Path)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--lengths", default="whole,313,200,130")
    parser.add_argument("--counts", default="500,2500")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    asked = parser.parse_args()
    few, many = map(int, asked.counts.split(","))
    lengths = asked.lengths.split(",")
    runs: dict[str, dict[str, _Runs]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = {
            program: command
            for program, command in commands(asked, folder)
            if not asked.only or any(name in program for name in asked.only)
        }
        for length in lengths * asked.rounds:
            for program, command in programs.items():
                fewer = _FEWER.get(program, 1)
                seconds = []
                for count in (few // fewer, many // fewer):
                    reads = folder / f"{length}-{count}.fasta"
                    write_reads(asked.queries, length, count, reads)
                    seconds.append(timed([part.format(reads=reads) for part in command]))
                speed = (many // fewer - few // fewer) / (seconds[1] - seconds[0])
                runs[program][length].append((speed, seconds[0] - few // fewer / speed))
                print(f"{program}, {length}: {speed:,.1f} reads/s", file=sys.stderr, flush=True)
    for line in table(runs, lengths):
        print(line)


def table(runs: dict[str, dict[str, _Runs]], lengths: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a table, with a row for each program."""
    yield f"| program | {' | '.join(lengths)} | seconds before the first read |"
    yield "| --- " * (len(lengths) + 2) + "|"
    for program, of in runs.items():
        speeds = [median(speed for speed, _ in of[length]) for length in lengths]
        begins = [median(first for _, first in of[length]) for length in lengths]
        cells = " | ".join(f"{speed:,.0f}" for speed in speeds)
        yield f"| {program} | {cells} | {min(begins):.1f} to {max(begins):.1f} |"


def commands(asked: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each program, and its command with a place for the reads.

    Options are those of ``evaluate --against`` (barcodeembed/evaluation/open_world/aligners.py).
    """
    threads = str(asked.threads)
    ours = [sys.executable, "-m", "barcodeembed", "classify", "{reads}", "-q", "-t", threads]
    if asked.index:
        ours += ["-i", str(asked.index), *(["-m", str(asked.model)] if asked.model else [])]
    yield "classify", ours
    if not asked.peers:
        return
    known, database = str(folder / "references.fasta"), str(folder / "database")
    write_references(Path(known), ReferenceIndex.open(asked.index, verify=False))
    vsearch = ["vsearch", "--db", known, "--threads", threads]
    hits = ["--userfields", "query+target+id", "--userout", "/dev/stdout"]
    yield (
        "VSEARCH --usearch_global",
        [*vsearch, "--usearch_global", "{reads}", "--id", "0.7", *hits],
    )
    sintax = ["--sintax", "{reads}", "--randseed", "1", "--tabbedout", "/dev/stdout"]
    yield "VSEARCH --sintax", [*vsearch, *sintax]
    run("makeblastdb", "-in", known, "-dbtype", "nucl", "-out", database)
    shown = ["-num_threads", threads, "-max_target_seqs", "10", "-max_hsps", "1", "-outfmt", "6"]
    yield "blastn (megablast)", ["blastn", "-query", "{reads}", "-db", database, *shown]
    run("mmseqs", "createdb", known, f"{database}.mmseqs", "--dbtype", "2")
    mmseqs = ["mmseqs", "easy-search", "{reads}", f"{database}.mmseqs"]
    mmseqs += [str(folder / "hits"), str(folder / "scratch"), "--search-type", "3"]
    mmseqs += ["--max-seqs", "100", "--strand", "1", "--threads", threads]
    yield "MMseqs2 easy-search", mmseqs


def run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")


def timed(command: Sequence[str]) -> float:
    began = time.perf_counter()
    run(*command)
    return time.perf_counter() - began


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


if __name__ == "__main__":
    main()
