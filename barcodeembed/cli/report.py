"""``barcodeembed report``: the rows of classify as other programs, and people, read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barcodeembed import vocabulary
from barcodeembed.cli import options
from barcodeembed.cli.console import console

if TYPE_CHECKING:
    import numpy as np

    from barcodeembed.report.references import References
    from barcodeembed.report.rows import Row

_TABLES = ("biom", "table")
_BY_SAMPLE = ("biom", "table", "multiqc", "html")


def _pattern(value: str | None) -> str | None:
    """Refuse what is no regular expression, or has another number of groups than one."""
    if value is not None:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise typer.BadParameter(f"no regular expression: {error}") from None
        if groups != 1:
            raise typer.BadParameter(f"has {groups} groups; one must say which part is the sample")
    return value


def report(
    tables: Annotated[
        list[str], typer.Argument(metavar="TSV", help="Tables that classify wrote; - for stdin.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help=f"One of {', '.join(vocabulary.REPORT_FORMATS)}.",
            callback=options.one_of(*vocabulary.REPORT_FORMATS),
        ),
    ],
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="FILE", help="A file; .gz, .bz2 or .xz compresses."),
    ] = "-",
    sample_pattern: Annotated[
        str | None,
        typer.Option(
            "--sample-pattern",
            metavar="REGEX",
            callback=_pattern,
            show_default="one for each file",
            help="Its one group is the sample, looked for in each query_id.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="ROW",
            show_default="taxon",
            help="What a row of biom and table is: taxon or query.",
        ),
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(
            "--vectors",
            metavar="FILE.npy",
            help="For html: vectors of the queries, drawn as a map; once for each TSV. By UMAP after "
            "pip install 'barcodeembed[map]', else by PCA.",
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            "-i",
            "--index",
            metavar="NAME.bix",
            help="The index that classify had: with --vectors, its references that are nearest to the "
            "queries are drawn beneath them.",
        ),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Turn the rows of classify into what other programs read, or into a page to look at.

    \b
    Examples:
      barcodeembed report names.tsv --to html -o names.html
      barcodeembed report names.tsv --to html --vectors v.npy -i references.bix -o names.html
      barcodeembed report names.tsv --to krona | ktImportText - -o krona.html
      barcodeembed report S1.tsv S2.tsv S3.tsv --to table > taxa_by_sample.tsv
      barcodeembed report names.tsv --to biom --sample-pattern 'sample=([^;]+)' -o taxa.biom
      barcodeembed report *.tsv --to multiqc -o names_mqc.json
      barcodeembed classify reads.fasta | barcodeembed report - --to sintax

    \b
    Formats:
      krona    reads and names, for ktImportText     kraken  a report like Kraken's
      qiime2   taxonomy.tsv                          sintax  as vsearch --sintax --tabbedout
      biom     BIOM 1.0 JSON, features by samples    table   the same as TSV
      multiqc  custom content (..._mqc.json)         html    one page with charts and all rows

    A query stands for as many reads as ;size=N in its id says, or for one. A novel query counts
    for its placement, or for its unit under it where the table has the column novel_unit.
    """
    if by is not None:
        options.check_choice("--by", by, ("taxon", "query"))
        _only("--by", to, _TABLES)
    if vectors:
        _only("--vectors", to, ("html",))
    if index:
        _only("--index", to, ("html",))
        if not vectors:
            raise typer.BadParameter("needs --vectors, those of the queries", param_hint="--index")
    if tables.count("-") > 1:
        raise typer.BadParameter("- (standard input) can be read once", param_hint="TSV...")
    options.refuse_overwriting([output], [*tables, *(vectors or []), index])
    from barcodeembed.bundles.files import open_output
    from barcodeembed.report.rows import read_table
    from barcodeembed.report.samples import found_by, sample_name, sample_names

    samples: list[str] = []
    if sample_pattern is None and to in _BY_SAMPLE:
        samples = sample_names(tables)
    count = 0

    def rows() -> Iterator[Row]:
        nonlocal count
        for path in tables:
            before, name = count, sample_name(path)
            sample_of = (
                found_by(re.compile(sample_pattern))
                if sample_pattern
                else lambda _, name=name: name
            )
            for row in read_table(path, sample_of):
                count += 1
                yield row
            if count == before:
                console.warn(f"{path}: 0 records")

    with open_output(output) as stream:
        for piece in _format(to, samples, by or "taxon", vectors, index)(rows()):
            stream.write(piece)
    console.say(f"{count:,} records")


def _only(option: str, to: str, formats: Iterable[str]) -> None:
    if to not in formats:
        raise typer.BadParameter(f"is for --to {' or '.join(formats)}", param_hint=option)


def _format(
    to: str, samples: list[str], by: str, vectors: list[str] | None, index: Path | None
) -> Callable[[Iterator[Row]], Iterable[str]]:
    """Return the function from rows to text; only what it needs is imported."""
    from importlib import import_module

    module = "features" if to == "table" else to
    write = getattr(import_module(f"barcodeembed.report.{module}"), to)
    if to == "biom":
        return partial(write, samples=samples, by=by, date=datetime.now(UTC))
    if to == "table":
        return partial(write, samples=samples, by=by)
    if to == "multiqc":
        return partial(write, samples=samples)
    if to == "html":
        return partial(_page, write, samples, vectors, index)
    return write


def _page(
    write: Callable[..., Iterator[str]],
    samples: list[str],
    vectors: list[str] | None,
    index: Path | None,
    rows: Iterator[Row],
) -> Iterator[str]:
    if not vectors:
        return write(rows, samples)
    from barcodeembed.report.projection import project, read_vectors

    kept = list(rows)
    queries = read_vectors(vectors, [row.query_id for row in kept])
    if index is None:
        return write(kept, samples, project(queries))
    queries, references = _surround(queries, kept, index)
    return write(kept, samples, project(queries, references.vectors), references)


def _surround(queries: np.ndarray, rows: list[Row], index: Path) -> tuple[np.ndarray, References]:
    """Find the references about the queries, and warn of queries that lie away from theirs."""
    options.use_threads(None)
    from barcodeembed.index.bundle import ReferenceIndex
    from barcodeembed.report.references import surround

    found = surround(queries, rows, ReferenceIndex.open(index))
    reverse_complemented = sum(row.strand == "-" for row in rows)
    if reverse_complemented:
        console.warn(
            f"{reverse_complemented:,} queries are of the other strand, on which `embed` leaves them; "
            "on the map they lie away from their references"
        )
    return found
