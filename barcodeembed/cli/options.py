"""Options that several commands share: one name, one letter, one meaning everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from barcodeembed.cli.boundary import signals_held
from barcodeembed.cli.console import console


def _set(name: str):
    def callback(value: bool) -> bool:
        if value:
            setattr(console, name, True)
        return value

    return callback


def one_of(*choices: str):
    """Return the callback of an option that takes one of a few words."""

    def callback(value: str) -> str:
        check_choice(None, value, choices)  # Typer names the option that it calls this for
        return value

    return callback


def _encoding(name: str) -> str:
    try:
        "".encode(name)  # refuses those that are no text encoding, as hex
    except LookupError as error:
        raise typer.BadParameter(str(error)) from None
    return name


Quiet = Annotated[
    bool,
    typer.Option(
        "-q", "--quiet", help="Only warnings and errors on standard error.", callback=_set("quiet")
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("-v", "--verbose", help="Say more on standard error.", callback=_set("verbose")),
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", callback=_set("debug"))
]
Threads = Annotated[
    int | None,
    typer.Option(
        "-t",
        "--threads",
        min=1,
        metavar="N",
        show_default="all cores",
        help="Threads to compute with.",
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size",
        min=1,
        metavar="N",
        help="Records in flight; changes memory and speed, never results.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random choice.")]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda or mps.",
        callback=one_of("auto", "cpu", "cuda", "mps"),
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="fp32, bf16, or auto: bf16 where the device has it.",
        callback=one_of("auto", "fp32", "bf16"),
    ),
]
Offsets = Annotated[
    int,
    typer.Option(
        "--offsets",
        min=1,
        max=8,
        metavar="N",
        help="Start offsets at which a barcode is cut into k-mers and averaged; k of them make its "
        "vector almost independent of where it begins, at k times the cost.",
    ),
]
Encoding = Annotated[
    str,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="Text encoding of the input, as latin-1.",
        callback=_encoding,
    ),
]
SHIPPED_MODEL = "the COI model that ships with barcodeembed"
MIN_CONFIDENCE = "0.65, or 0.75 for prototypes"
Model = Annotated[
    Path | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        show_default=SHIPPED_MODEL,
        help="Model bundle, made by `barcodeembed pretrain`.",
    ),
]
NoVerify = Annotated[
    bool, typer.Option("--no-verify", help="Skip the checksums when opening a bundle.")
]
IndexModel = Annotated[
    Path | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        show_default=f"the index's own, or {SHIPPED_MODEL}",
        help="Model bundle; must be the one that made the index.",
    ),
]
Index = Annotated[
    Path, typer.Argument(metavar="NAME.bix", help="Index, made by `barcodeembed index build`.")
]
References = Annotated[
    str,
    typer.Argument(metavar="REFERENCES", help="Table or FASTA of named barcodes, or - for stdin."),
]
Coverage = Annotated[
    str | None,
    typer.Option(
        "--coverage", metavar="TEXT", help="What the references are, and lack, to be told by info."
    ),
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Leave out records without a lineage.")
]
OnConflict = Annotated[
    str,
    typer.Option(
        "--on-conflict",
        metavar="NAME",
        help="Taxa with two parents: majority (follow most records) or fail.",
        callback=one_of("majority", "fail"),
    ),
]
Taxdump = Annotated[
    Path | None,
    typer.Option(
        "--taxdump",
        metavar="PATH",
        help="NCBI's taxdump.tar.gz, or the folder of its nodes.dmp and names.dmp, for a --taxonomy "
        "of accessions and taxids.",
    ),
]
MinBases = Annotated[
    int,
    typer.Option(
        "--min-length",
        min=1,
        metavar="N",
        help="Fewest unambiguous bases of a barcode that can be used.",
    ),
]


def use_threads(count: int | None) -> int:
    """Set the threads of torch and FAISS; by default the cores that this process may use."""
    count = count or available_cores()
    # The OpenMP of a library that is loaded later reads this.
    os.environ["OMP_NUM_THREADS"] = str(count)
    with signals_held():
        from barcodeembed.model.devices import set_threads

        set_threads(count)
    return count


def available_cores() -> int:
    """Return the cores that the scheduler, the container and the batch system allow."""
    affinity = getattr(os, "sched_getaffinity", None)
    counts = [len(affinity(0)) if affinity else os.cpu_count() or 1]
    for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            counts.append(int(value))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        counts.append(max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return min(counts)


def check_choice(option: str | None, value: str, choices: Iterable[str]) -> None:
    """Refuse a value that is none of the choices, as a usage error."""
    if value not in choices:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(choices)}", param_hint=option)


def check_taxdump(taxdump: Path | None, taxonomy: Path | None) -> None:
    """Refuse a dump without taxids to look up in it, as a usage error."""
    if taxdump is not None and taxonomy is None:
        raise typer.BadParameter("--taxdump needs --taxonomy, a table of accessions and taxids")


def refuse_overwriting(outputs: Iterable[Path | str | None], inputs: Iterable[Path | str | None]):
    """Refuse, as a usage error, outputs that are an input or each other."""
    read = {_real(path) for path in inputs if path is not None} - {"-"}
    written: set[str] = set()
    for path in outputs:
        if path is None:
            continue
        if _real(path) in read:
            raise typer.BadParameter(f"{path} is also an input; it would be overwritten")
        if _real(path) in written:
            raise typer.BadParameter(f"{path} is given for two outputs")
        written.add(_real(path))


def _real(path: Path | str) -> str:
    return "-" if str(path) == "-" else os.path.realpath(path)
