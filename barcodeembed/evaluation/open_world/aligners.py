"""VSEARCH, BLAST and MMseqs2, run on the same references, queries and number of threads."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from barcodeembed.calibration.mutants import CUSTOMARY_DIVERGENCE
from barcodeembed.errors import InputError
from barcodeembed.evaluation.open_world.predictions import (
    NO_HIT,
    Predictions,
    clean_bases,
    reference_lineages,
    reference_sequences,
)
from barcodeembed.evaluation.queries import LabelledQueries
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.taxonomy.ranks import RANK_LETTERS, RANKS, UNKNOWN, Lineage

#: The cutoff of the author of SINTAX and of most users.
_SINTAX_CUTOFF = 0.8

_LETTER = {rank: letter for letter, rank in RANK_LETTERS.items()}
_SINTAX_ITEM = re.compile(r"([a-z]):(.*)\(([\d.]+)\)$")


#: Names queries in a folder with ``references.fasta`` and ``queries.fasta``, on some threads.
_Method = Callable[[Path, ReferenceIndex, LabelledQueries, int], Predictions]


def _run_methods(
    program: str,
    methods: Sequence[_Method],
    index: ReferenceIndex,
    queries: LabelledQueries,
    threads: int,
) -> list[Predictions]:
    """Write references and queries to FASTA files in a temporary folder, and run a program there.

    Raises InputError if the program is not installed.
    """
    if shutil.which(program) is None:
        raise InputError(f"--against {program}: the program is not on the PATH; install it first")
    with tempfile.TemporaryDirectory(prefix="barcodeembed-") as name:
        folder = Path(name)
        write_references(folder / "references.fasta", index)
        _write_fasta(folder / "queries.fasta", enumerate(clean_bases(index, queries)))
        return [method(folder, index, queries, threads) for method in methods]


def write_references(path: Path, index: ReferenceIndex) -> None:
    """Write the barcodes of an index and their lineages, as FASTA with the headers of SINTAX.

    Ids are numbers, since a user's id may contain what a program does not accept.
    """
    references = zip(reference_lineages(index), reference_sequences(index), strict=True)
    titled = (
        (f"{i};tax={_sintax(lineage)};", bases) for i, (lineage, bases) in enumerate(references)
    )
    _write_fasta(path, titled)


def _vsearch_global(
    folder: Path, index: ReferenceIndex, queries: LabelledQueries, threads: int
) -> Predictions:
    """Take the top hit of VSEARCH (``--usearch_global --id 0.7``)."""
    seconds = _run(
        "vsearch",
        "--usearch_global",
        folder / "queries.fasta",
        "--db",
        folder / "references.fasta",
        "--id",
        "0.7",
        "--userout",
        folder / "hits.tsv",
        "--userfields",
        "query+target+id",
        "--threads",
        threads,
    )
    return _top_hits("VSEARCH --usearch_global", folder, index, queries, seconds)


def _vsearch_sintax(
    folder: Path, index: ReferenceIndex, queries: LabelledQueries, threads: int
) -> Predictions:
    seconds = _run(
        "vsearch",
        "--sintax",
        folder / "queries.fasta",
        "--db",
        folder / "references.fasta",
        "--tabbedout",
        folder / "sintax.tsv",
        "--randseed",
        "1",
        "--threads",
        threads,
    )
    names = [UNKNOWN] * len(queries)
    confidences = np.full((len(queries), len(RANKS)), np.nan)
    for line in (folder / "sintax.tsv").read_text("utf-8").splitlines():
        query, ranked = (line.split("\t") + [""])[:2]
        guess: list[str | None] = [None] * len(RANKS)
        for letter, name, confidence in filter(None, map(_sintax_item, ranked.split(","))):
            r = RANKS.index(RANK_LETTERS[letter])
            guess[r], confidences[int(query), r] = name.replace("_", " "), float(confidence)
        names[int(query)] = tuple(guess)
    none = np.full(len(queries), np.nan)
    return Predictions(
        "VSEARCH --sintax",
        names,
        none,
        seconds,
        confidences,
        accepted=confidences >= _SINTAX_CUTOFF,
        rule=f"confidence {_SINTAX_CUTOFF}",
    )


def _blastn(
    folder: Path, index: ReferenceIndex, queries: LabelledQueries, threads: int
) -> Predictions:
    """Take the top hit of blastn with its default task, megablast."""
    _run(
        "makeblastdb", "-in", folder / "references.fasta", "-dbtype", "nucl", "-out", folder / "db"
    )
    # With a maximum of one target, BLAST may stop before it finds the best one.
    seconds = _run(
        "blastn",
        "-query",
        folder / "queries.fasta",
        "-db",
        folder / "db",
        "-outfmt",
        "6 qseqid sseqid pident",
        "-max_target_seqs",
        "10",
        "-max_hsps",
        "1",
        "-num_threads",
        threads,
        "-out",
        folder / "hits.tsv",
    )
    return _top_hits("blastn (megablast)", folder, index, queries, seconds)


def _mmseqs(
    folder: Path, index: ReferenceIndex, queries: LabelledQueries, threads: int
) -> Predictions:
    """Take the top hit of MMseqs2 (``easy-search --search-type 3``)."""
    database, hits = folder / "mmseqs", folder / "hits.tsv"
    _run("mmseqs", "createdb", folder / "references.fasta", database, "--dbtype", "2")
    seconds = _run(
        "mmseqs",
        "easy-search",
        folder / "queries.fasta",
        database,
        hits,
        folder / "scratch",
        "--search-type",
        "3",
        "--format-output",
        "query,target,pident",
        "--max-seqs",
        "100",
        "--strand",
        "1",
        "--threads",
        threads,
    )
    return _top_hits("MMseqs2 easy-search", folder, index, queries, seconds)


def _top_hits(
    method: str, folder: Path, index: ReferenceIndex, queries: LabelledQueries, seconds: float
) -> Predictions:
    lineages = reference_lineages(index)
    names: list[Lineage] = [UNKNOWN] * len(queries)
    similarity = np.full(len(queries), NO_HIT)
    for line in (folder / "hits.tsv").read_text("utf-8").splitlines():
        query, target, identity = line.split("\t")
        if similarity[int(query)] == NO_HIT:  # the best hit comes first
            names[int(query)] = lineages[int(target.partition(";")[0])]
            similarity[int(query)] = float(identity)
    limits = np.array([100 * (1 - CUSTOMARY_DIVERGENCE[rank]) for rank in RANKS])
    return Predictions(
        method,
        names,
        similarity,
        seconds,
        accepted=similarity[:, None] >= limits,
        rule="identity 97, 95, 90, 85 %",
    )


def _sintax(lineage: Lineage) -> str:
    """Write a lineage for SINTAX, which has no subfamily and does not allow some characters."""
    return ",".join(
        f"{_LETTER[rank]}:{re.sub('[ ,;()]', '_', name)}"
        for rank, name in zip(RANKS, lineage, strict=True)
        if name and rank in _LETTER
    )


def _sintax_item(item: str) -> tuple[str, ...] | None:
    found = _SINTAX_ITEM.match(item)
    return found.groups() if found else None


def _write_fasta(path: Path, records: Iterable[tuple[object, str]]) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        for name, bases in records:
            stream.write(f">{name}\n{bases}\n")


def _run(*command: object) -> float:
    """Run a program and return the time in seconds.

    Raises InputError, with the last line of its standard error, if the program fails.
    """
    began = time.perf_counter()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        lines: Sequence[str] = done.stderr.strip().splitlines() or ["no message"]
        raise InputError(f"{command[0]} failed with exit code {done.returncode}: {lines[-1]}")
    return time.perf_counter() - began


#: Every program, as a function of an index, queries and the number of threads.
PEERS: dict[str, Callable[..., list[Predictions]]] = {
    program: partial(_run_methods, program, methods)
    for program, methods in {
        "vsearch": (_vsearch_global, _vsearch_sintax),
        "blastn": (_blastn,),
        "mmseqs": (_mmseqs,),
    }.items()
}
