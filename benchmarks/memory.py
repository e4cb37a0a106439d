"""Measure the memory of `classify` over a long stream of reads, and draw it as SVG.

    python benchmarks/memory.py --table benchmarks/results/memory.tsv > docs/memory.svg

The reads come through a pipe. They are fragments of 200 bases of the barcodes of `data/simulated`:
one in 50 is a new one, with 1 to 4 substitutions, and all others repeat one of the last 1,000 of
these. The index has the references of `data/simulated` and the model that ships. The table is
written as the reads are classified. Needs Linux.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import IO

SIMULATED = Path(__file__).resolve().parent.parent / "data" / "simulated"
PROGRAM = [sys.executable, "-m", "barcodeembed"]
_BASES, _NEW, _RECENT = 200, 50, 1_000
_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 240, 60, 24


def make_reads(count: int) -> Iterator[str]:
    """Yield fragments with substitutions, most of them repeats."""
    random.seed(1)
    records = (SIMULATED / "reads.fasta").read_text().split(">")[1:]
    barcodes = ["".join(record.split("\n")[1:]) for record in records]
    whole = [bases for bases in barcodes if len(bases) > _BASES]
    recent: deque[str] = deque(maxlen=_RECENT)
    for number in range(count):
        if number % _NEW == 0:
            bases = random.choice(whole)
            start = random.randrange(len(bases) - _BASES)
            letters = list(bases[start : start + _BASES])
            for _ in range(random.randint(1, 4)):
                letters[random.randrange(_BASES)] = random.choice("ACGT")
            recent.append("".join(letters))
            yield recent[-1]
        else:
            yield random.choice(recent)


def write_reads(stream: IO[bytes], count: int) -> None:
    with stream:
        for number, read in enumerate(make_reads(count)):
            stream.write(f">r{number}\n{read}\n".encode())


def megabytes(process: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1_000


def measure(index: Path, count: int, every: int) -> Iterator[tuple[int, float, float]]:
    """Yield the number of rows, the seconds and the megabytes, each time ``every`` rows came."""
    command = [*PROGRAM, "classify", "-", "-i", str(index), "-q"]
    began = perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        Thread(target=write_reads, args=(process.stdin, count)).start()
        rows = 0
        for rows, _ in enumerate(process.stdout):  # row 0 is the header
            if rows and rows % every == 0 and rows < count:
                yield rows, perf_counter() - began, megabytes(process.pid)
    if process.returncode or rows != count:
        raise SystemExit(f"exit code {process.returncode} after {rows:,} rows of {count:,}")


def draw(points: list[tuple[int, float, float]]) -> str:
    """Return an SVG of the memory by number of reads; both axes begin at 0."""
    most, count = max(mb for _, _, mb in points), points[-1][0] + points[0][0]
    top = 200 * (int(most / 200) + 1)

    def x(rows: float) -> str:
        return f"{_LEFT + rows / count * _WIDTH:.1f}"

    def y(mb: float) -> str:
        return f"{_TOP + (1 - mb / top) * _HEIGHT:.1f}"

    line = " ".join(f"{x(rows)},{y(mb)}" for rows, _, mb in points)
    grid = "".join(
        f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y(mb)}" y2="{y(mb)}"/>'
        f'<text x="{_LEFT - 6}" y="{y(mb)}" dy="4" text-anchor="end">{mb}</text>'
        for mb in range(0, top + 1, 200)
    )
    ticks = "".join(
        f'<text x="{x(count * i / 5)}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">'
        f"{count * i // 5:,}</text>"
        for i in range(6)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 50} '
        f'{_TOP + _HEIGHT + 44}" role="img" aria-label="Resident memory of classify by number of '
        'reads"><style>text{font:12px sans-serif;fill:#444}line{stroke:#ddd}'
        "polyline{fill:none;stroke:#1668a8;stroke-width:2}</style>"
        f'<rect width="100%" height="100%" fill="#fff"/>{grid}{ticks}<polyline points="{line}"/>'
        f'<text x="{_LEFT}" y="{_TOP - 9}">resident memory, MB</text>'
        f'<text x="{_LEFT + _WIDTH / 2:.0f}" y="{_TOP + _HEIGHT + 36}" text-anchor="middle">'
        "reads classified</text></svg>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reads", type=int, default=1_000_000)
    parser.add_argument("--table", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "some.bix"
        build = ["index", "build", str(SIMULATED / "reference.fasta"), "-o", str(index), "-q"]
        subprocess.run([*PROGRAM, *build], check=True)
        points = []
        with open(arguments.table, "w", buffering=1) as table:
            table.write("reads\tseconds\tmegabytes\n")
            for rows, seconds, mb in measure(index, arguments.reads, arguments.reads // 100):
                table.write(f"{rows}\t{seconds:.0f}\t{mb:.1f}\n")
                points.append((rows, seconds, mb))
    print(draw(points), end="")


if __name__ == "__main__":
    main()
