"""``barcodeembed report``: the rows of classify in the formats of other programs, or as a page."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from barcodeembed.cli import options, report_options
from barcodeembed.cli.checks import check_choice, refuse_overwriting
from barcodeembed.cli.console import console
from barcodeembed.cli.threads import use_threads

_TABLES = ("biom", "table")


def report(
    tables: report_options.Tables,
    to: report_options.To,
    output: report_options.Output = "-",
    sample_pattern: report_options.SamplePattern = None,
    by: report_options.By = None,
    vectors: report_options.Vectors = None,
    index: report_options.Index = None,
    no_clobber: options.NoClobber = False,
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
        check_choice("--by", by, ("taxon", "query"))
        _only("--by", to, _TABLES)
    if vectors:
        _only("--vectors", to, ("html",))
    if index:
        _only("--index", to, ("html",))
        if not vectors:
            raise typer.BadParameter("needs --vectors, those of the queries", param_hint="--index")
    if tables.count("-") > 1:
        raise typer.BadParameter("- (standard input) can be read once", param_hint="TSV...")
    refuse_overwriting([output], [*tables, *(vectors or []), index], no_clobber)
    from barcodeembed.bundles.files import open_output
    from barcodeembed.report.run import Report

    if index:
        use_threads(None)
    made = Report(
        tables=tables,
        to=to,
        sample_pattern=sample_pattern,
        by=by or "taxon",
        vectors=vectors or (),
        index=index,
        warn=console.warn,
    )
    with open_output(output) as stream:
        for fragment in made.text():
            stream.write(fragment)
    console.say(f"{made.queries:,} records")


def _only(option: str, to: str, formats: Iterable[str]) -> None:
    if to not in formats:
        raise typer.BadParameter(f"is for --to {' or '.join(formats)}", param_hint=option)
