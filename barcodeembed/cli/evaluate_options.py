"""Options of ``barcodeembed evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barcodeembed import vocabulary
from barcodeembed.cli import options

Reference = Annotated[
    Path,
    typer.Argument(
        metavar="REFERENCES|NAME.bix",
        help="Index, file of labelled references, or table with a column `split`.",
    ),
]

Queries = Annotated[
    list[str] | None,
    typer.Option(
        "--queries",
        metavar="FILE",
        help="Labelled queries: a table or FASTA with lineages; repeatable.",
    ),
]

Model = Annotated[
    Path | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        show_default=f"the index's own, or {options.SHIPPED_MODEL}",
        help="Model bundle, for references without an index.",
    ),
]

Taxonomy = Annotated[
    Path | None,
    typer.Option("--taxonomy", metavar="FILE", help="Lineages of references and queries, by id."),
]

Protocol = Annotated[
    str,
    typer.Option(
        "--protocol",
        metavar="NAMES",
        help="Comma-separated: open-world, and those of the papers: knn, probe, finetune, bins.",
    ),
]

Deduplicate = Annotated[
    str,
    typer.Option(
        "--deduplicate",
        metavar="WHAT",
        help="Duplicates of train to remove from the queries of the papers' protocols: none, "
        "exact, or contained (also parts of a longer barcode).",
    ),
]

FinetuneEpochs = Annotated[
    int,
    typer.Option("--finetune-epochs", min=1, metavar="N", help="Epochs of the protocol finetune."),
]

Against = Annotated[
    str,
    typer.Option(
        "--against",
        metavar="NAMES",
        help="Methods to compare with, comma-separated: kmer, vsearch, blastn, mmseqs; or none.",
    ),
]

Json = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write all figures to a JSON file."),
]

Output = Annotated[
    str, typer.Option("-o", "--output", metavar="FILE", help="File for the Markdown tables.")
]

Sample = Annotated[
    int | None,
    typer.Option(
        "--sample",
        min=1,
        metavar="N",
        help="Use at most N queries of each category or split, drawn at random.",
    ),
]

MinConfidence = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        min=0,
        max=1,
        metavar="P",
        show_default=options.MIN_CONFIDENCE,
        help="As in classify.",
    ),
]

MaxError = Annotated[
    float | None,
    typer.Option(
        "--max-error", min=vocabulary.LEAST_ERROR, max=1, metavar="P", help="As in classify."
    ),
]

TopK = Annotated[
    int,
    typer.Option("-k", "--top-k", min=1, metavar="K", help="Number of references that vote."),
]

Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        min=1e-6,
        metavar="T",
        show_default="the index's own",
        help="Temperature of the softmax weights of the votes.",
    ),
]

Whiten = Annotated[
    int | None,
    typer.Option(
        "--whiten",
        min=0,
        metavar="N",
        show_default="as in index build",
        help="As in index build, for references without an index.",
    ),
]
