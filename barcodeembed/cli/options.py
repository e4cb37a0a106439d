"""Options that several commands share. A name means the same in every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed import vocabulary

# Commands use these as options.NAME, too.
from barcodeembed.cli.checks import check_choice as check_choice
from barcodeembed.cli.checks import check_encoding, one_of, refuse_log
from barcodeembed.cli.checks import check_taxdump as check_taxdump
from barcodeembed.cli.checks import claim as claim
from barcodeembed.cli.checks import claim_file as claim_file
from barcodeembed.cli.checks import refuse_overwriting as refuse_overwriting
from barcodeembed.cli.console import console
from barcodeembed.cli.message_options import Debug as Debug
from barcodeembed.cli.message_options import NoClobber as NoClobber
from barcodeembed.cli.message_options import Quiet as Quiet
from barcodeembed.cli.message_options import Strict as Strict
from barcodeembed.cli.message_options import Verbose as Verbose
from barcodeembed.cli.primer_options import Primers as Primers
from barcodeembed.cli.primer_options import check_primers as check_primers
from barcodeembed.cli.reference_options import AllowMissing as AllowMissing
from barcodeembed.cli.reference_options import Coverage as Coverage
from barcodeembed.cli.reference_options import OnConflict as OnConflict
from barcodeembed.cli.reference_options import References as References
from barcodeembed.cli.reference_options import Taxdump as Taxdump
from barcodeembed.cli.threads import prepare_threads
from barcodeembed.cli.threads import use_threads as use_threads

SHIPPED_MODEL = "the COI model that ships with barcodeembed"
MIN_CONFIDENCE = "0.75"


def _open_log(path: Path | None) -> Path | None:
    if path is not None:
        refuse_log(path, console.arguments)
        console.open_log(path)
    return path


Reads = Annotated[str, typer.Argument(metavar="READS", help="Sequence file, or - for stdin.")]
Log = Annotated[
    Path | None,
    typer.Option(
        "--log",
        metavar="FILE",
        callback=_open_log,
        help="Append all messages with their times to a file, those that --quiet hides, too.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "-t",
        "--threads",
        min=1,
        metavar="N",
        envvar="BARCODEEMBED_THREADS",
        show_default="all cores that the container or the batch system allows",
        help="Number of threads.",
        callback=prepare_threads,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size",
        min=1,
        max=1_000_000_000,
        metavar="N",
        help="Number of records in memory at a time; does not change the results.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of all random choices.")]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda or mps.",
        callback=one_of(*vocabulary.DEVICES),
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="fp32, bf16, or auto: bf16 if the device is faster with it.",
        callback=one_of(*vocabulary.PRECISIONS),
    ),
]
Offsets = Annotated[
    int,
    typer.Option(
        "--offsets",
        min=1,
        max=8,
        metavar="N",
        help="Cut each barcode into k-mers from N start positions and average the vectors. With "
        "N = k the vector hardly depends on the first base. Takes N times as long.",
    ),
]
IndexOffsets = Annotated[
    int | None,
    typer.Option(
        "--offsets",
        min=1,
        max=8,
        metavar="N",
        show_default="k; 1 for a model that knows positions in the marker",
        help="Cut each barcode into k-mers from N start positions and average the vectors. With "
        "N = k the vector hardly depends on the first base. Takes N times as long.",
    ),
]
Encoding = Annotated[
    str,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="Text encoding of the input, for example latin-1.",
        callback=check_encoding,
    ),
]
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
    bool, typer.Option("--no-verify", help="Do not check the checksums of a bundle.")
]
IndexModel = Annotated[
    Path | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        show_default=f"the copy in the index, or {SHIPPED_MODEL}",
        help="Model bundle; must be the one that made the index.",
    ),
]
Index = Annotated[
    Path, typer.Argument(metavar="NAME.bix", help="Index, made by `barcodeembed index build`.")
]
MinBases = Annotated[
    int,
    typer.Option(
        "--min-length",
        min=1,
        metavar="N",
        help="Minimum number of unambiguous bases of a barcode.",
    ),
]
