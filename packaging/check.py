"""Check an installed barcodeembed by what it prints and writes, not only by its exit codes.

    python packaging/check.py                                 # the program on the PATH
    python packaging/check.py .venv/bin/barcodeembed
    python packaging/check.py docker run --rm -i -v "$PWD:$PWD" -w "$PWD" IMAGE barcodeembed

It runs every command on the simulated data, in a new folder below the current one, and needs only
the standard library. It takes one or two minutes. The exit code is 0 if everything is as it should
be, and otherwise 1, after a line that says what is wrong.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = REPOSITORY / "data" / "simulated"
COMMANDS = (
    *("pretrain", "embed", "index build", "index add", "index merge", "index subset"),
    *("index audit", "classify", "report", "evaluate", "info", "convert", "cite", "completion"),
    *("man", "models", "models install", "gather"),
)
LEADING = ["query_id", "status", "novel_rank", "rank", "taxon", "confidence"]
STATUSES = {"assigned", "ambiguous", "novel", "unclassifiable"}


class Wrong(Exception):
    """The program did not do what it should."""


class Check:
    """Runs the program in a folder and compares what it does with what it should do."""

    def __init__(self, program: list[str], folder: Path) -> None:
        self.program = program
        self.folder = folder

    def run(self, words: str, *, code: int = 0, stdin: bytes = b"") -> tuple[str, str]:
        """Return standard output and standard error. ``@`` in the words is the folder."""
        arguments = words.replace("@", str(self.folder)).split()
        done = subprocess.run([*self.program, *arguments], input=stdin, capture_output=True)
        out, err = done.stdout.decode(), done.stderr.decode()
        if done.returncode != code:
            raise Wrong(f"{words}: exit code {done.returncode}, not {code}\n{err}")
        if "Traceback" in err:
            raise Wrong(f"{words}: a traceback\n{err}")
        return out, err

    def file(self, name: str) -> bytes:
        """Return the content of a file that a command must have written."""
        path = self.folder / name
        if not path.is_file():
            raise Wrong(f"{name} was not written")
        return path.read_bytes()


def require(holds: bool, problem: str) -> None:
    if not holds:
        raise Wrong(problem)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def truth() -> dict[str, dict[str, str]]:
    """Return the row of each simulated read, by its id."""
    return {row["record_id"]: row for row in rows_of((DATA / "reads.tsv").read_text())}


def version(check: Check) -> None:
    source = (REPOSITORY / "barcodeembed" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "(.+)"$', source, re.M)
    require(found is not None, "the source has no version")
    out, _ = check.run("--version")
    require(out == f"barcodeembed {found[1]}\n", f"--version prints {out!r}")


def helps(check: Check) -> None:
    for command in COMMANDS:
        out, _ = check.run(f"{command} -h")
        require(out.startswith(f"Usage: barcodeembed {command}"), f"{command} -h prints {out!r}")
        require("--help" in out and "Examples:" in out, f"{command} -h is not complete")


def usage_errors(check: Check) -> None:
    out, err = check.run("classify @/reads.fasta --no-such-option", code=2)
    require(not out and "--no-such-option" in err, f"an unknown option prints {out!r}, {err!r}")
    out, err = check.run("classify @/nowhere.fasta", code=1)
    rows = out.splitlines()[1:]
    require(not rows and "nowhere.fasta" in err, f"a missing file prints {rows}, {err!r}")


def index_build(check: Check) -> None:
    check.run("index build @/reference.fasta -o @/reference.bix")
    described = json.loads(check.run("info @/reference.bix --json")[0])
    require(described["kind"] == "index", "reference.bix is not an index")
    count = (DATA / "reference.fasta").read_text().count(">")
    require(described["records"] == count, f"the index has {described['records']} records")


def classify(check: Check) -> None:
    """Names are correct where they are given, in the order of the reads."""
    check.run("classify @/reads.fasta -i @/reference.bix -o @/names.tsv --hits @/hits.tsv")
    table = check.file("names.tsv").decode()
    require(table.split("\t")[: len(LEADING)] == LEADING, "other columns of classify")
    rows, known = rows_of(table), truth()
    require([row["query_id"] for row in rows] == list(known), "rows are not those of the reads")
    require({row["status"] for row in rows} <= STATUSES, "there is an unknown status")
    named = [row for row in rows if row["status"] == "assigned"]
    correct = sum(row["species"] == known[row["query_id"]]["species"] for row in named)
    require(len(named) >= 40, f"only {len(named)} of {len(rows)} reads have the name of a species")
    require(correct == len(named), f"{len(named) - correct} names are incorrect")
    require(check.file("hits.tsv").count(b"\n") > len(rows), "there are too few hits")


def streams(check: Check) -> None:
    """Compressed FASTQ from standard input gives the rows of the FASTA file."""
    lines = (DATA / "reads.fasta").read_text().splitlines()
    fastq = "".join(
        f"@{name[1:]}\n{bases}\n+\n{'I' * len(bases)}\n"
        for name, bases in zip(lines[::2], lines[1::2], strict=True)
    )
    words = "classify - -i @/reference.bix"
    out, _ = check.run(words, stdin=gzip.compress(fastq.encode()))
    require([row["query_id"] for row in rows_of(out)] == list(truth()), "FASTQ gives other rows")


def shipped(check: Check) -> None:
    """The model and the prototypes that ship are there; simulated species are not among them."""
    out, _ = check.run("classify @/reads.fasta --json @/run.json")
    require(len(rows_of(out)) == len(truth()), "the prototypes that ship give too few rows")
    run = json.loads(check.file("run.json"))
    require(run["records"] == len(truth()), "--json counts other records")
    require("assigned" not in {row["status"] for row in rows_of(out)}, "made-up species are named")


def embed(check: Check) -> None:
    for suffix, magic in ((".npy", b"\x93NUMPY"), (".npz", b"PK"), (".parquet", b"PAR1")):
        check.run(f"embed @/reads.fasta -o @/vectors{suffix}")
        require(check.file(f"vectors{suffix}").startswith(magic), f"vectors{suffix} is no {suffix}")
    shape = f"'shape': ({len(truth())}, 192)".encode()
    require(shape in check.file("vectors.npy")[:200], "vectors.npy has another shape")
    out, _ = check.run("embed @/reads.fasta")
    values = [row["d1"] for row in rows_of(out)]  # NA for a read that is too short
    require(len(set(values)) > len(values) / 2, "many vectors are equal")


def reports(check: Check) -> None:
    for to, expected in (("krona", "Arthropoda"), ("table", "Arthropoda"), ("html", "<svg")):
        out, _ = check.run(f"report @/names.tsv --to {to}")
        require(expected in out, f"report --to {to} lacks {expected}")
    out, _ = check.run("report @/names.tsv --to biom")
    require(len(json.loads(out)["rows"]) > 1, "the BIOM table has no rows")


def curation(check: Check) -> None:
    out, _ = check.run("index audit @/reference.bix")
    require(out.startswith("kind\trecord_ids\trank\tname\t"), "other columns of index audit")
    check.run("index subset @/reference.bix --taxon Insecta -o @/insects.bix")
    require((check.folder / "insects.bix" / "manifest.json").is_file(), "no subset was written")


def evaluation(check: Check) -> None:
    words = "evaluate @/reference.bix --queries @/reads.tsv --sample 10 --json @/scores.json"
    out, _ = check.run(words)
    require("| " in out, "evaluate prints no table")
    require(len(json.loads(check.file("scores.json"))["methods"]) >= 1, "no method was measured")


def models(check: Check) -> None:
    check.run("pretrain @/reference.fasta -o @/model --preset tiny --steps 5")
    described = json.loads(check.run("info @/model --json")[0])
    require(described["model"]["width"] == 64, "the model has another width")
    check.run("convert @/model -o @/smaller --weights bf16")
    described = json.loads(check.run("info @/smaller --json")[0])
    require(described["weights"] == "bf16", "the weights are not bf16")
    check.run("convert @/model --to safetensors -o @/model.safetensors")
    require(b"barcodeembed" in check.file("model.safetensors"), "safetensors lack the model")
    with tarfile.open(check.folder / "model.tar", "w") as archive:
        archive.add(check.folder / "model", "model")
    out, _ = check.run("models install @/model.tar -o @/installed")
    require(out.strip().endswith("installed"), "models install prints no path")


def shells(check: Check) -> None:
    for shell in ("bash", "zsh", "fish"):
        out, _ = check.run(f"completion {shell}")
        require("min-confidence" in out, f"completion {shell} lacks an option")
    out, _ = check.run("man classify")
    require(out.startswith('.TH "BARCODEEMBED-CLASSIFY"'), "man prints no manual page")
    require("2502.18405" in check.run("cite")[0], "cite names no article")


CHECKS: tuple[Callable[[Check], None], ...] = (
    *(version, helps, usage_errors, index_build, classify, streams, shipped, embed),
    *(reports, curation, evaluation, models, shells),
)


def main(program: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="barcodeembed-check-", dir=Path.cwd()) as made:
        folder = Path(made).relative_to(Path.cwd())
        folder.chmod(0o777)  # a container has another user
        for name in ("reference.fasta", "reads.fasta", "reads.tsv"):
            shutil.copy(DATA / name, folder)
        check = Check(program, folder)
        for run in CHECKS:
            try:
                run(check)
            except (Wrong, OSError, ValueError, KeyError) as error:
                print(f"{run.__name__}: {error}", file=sys.stderr)
                return 1
            print(f"{run.__name__}: ok", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["barcodeembed"]))
