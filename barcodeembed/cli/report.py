"""``barcodeembed report``: the rows of classify in the formats of other programs, or as a page."""

from __future__ import annotations

import typer

from barcodeembed.cli import options, report_options
from barcodeembed.cli.checks import check_choice, refuse_overwriting
from barcodeembed.cli.console import console
from barcodeembed.cli.report_checks import (
    KINDS,
    TABLES,
    check_formats,
    check_suffix,
    check_tables,
)
from barcodeembed.cli.report_training import report_training
from barcodeembed.cli.threads import use_threads
from barcodeembed.vocabulary import REPORT_FORMATS


def report(
    tables: report_options.Tables,
    to: report_options.To = None,
    output: report_options.Output = "-",
    sample_pattern: report_options.SamplePattern = None,
    by: report_options.By = None,
    vectors: report_options.Vectors = None,
    index: report_options.Index = None,
    exclude_flags: report_options.ExcludeFlags = None,
    hits: report_options.Hits = None,
    title: report_options.Title = None,
    run: report_options.Run = None,
    table: report_options.Table = None,
    ids: report_options.Ids = None,
    reads: report_options.ReadFiles = None,
    training: report_options.Training = False,
    no_clobber: options.NoClobber = False,
    log: options.Log = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Turn the rows of classify into what other programs read, or into a page to look at.

    \b
    Examples:
      barcodeembed report names.tsv --to html -o names.html
      barcodeembed report names.tsv --to html --vectors v.npy -i references.bix -o names.html
      barcodeembed report names.tsv --to html --run run.json --title "Lake 2024" -o names.html
      barcodeembed report names.tsv --to krona | ktImportText - -o krona.html
      barcodeembed report S1.tsv S2.tsv S3.tsv --to table > taxa_by_sample.tsv
      barcodeembed report names.tsv --to biom --sample-pattern 'sample=([^;]+)' -o taxa.biom
      barcodeembed report *.tsv --to multiqc -o names_mqc.json
      barcodeembed classify reads.fasta | barcodeembed report - --to sintax
      barcodeembed report names.tsv --to dwc --ids worms.tsv --reads asvs.fasta -o archive.zip
      barcodeembed report model.training other.training --training -o curves.html
      barcodeembed report model.training --training --to tensorboard -o logs

    \b
    Formats:
      krona    reads and names, for ktImportText     kraken  a report like Kraken's
      qiime2   taxonomy.tsv                          sintax  as vsearch --sintax --tabbedout
      biom     BIOM 1.0 JSON, features by samples    table   the same as TSV
      multiqc  custom content (..._mqc.json)         html    one page with charts and all rows
      dwc      a Darwin Core archive (FILE.zip), for GBIF and OBIS

    A query stands for as many reads as ;size=N in its id says, or for one. A novel query counts
    for its placement, or for its unit under it where the table has the column novel_unit.
    """
    of_html = {"--vectors": vectors, "--index": index, "--hits": hits, "--run": run}
    of_dwc = {"--ids": ids, "--reads": reads}
    if training:
        others: dict[str, object] = {"--sample-pattern": sample_pattern, "--by": by}
        others |= {"--exclude-flags": exclude_flags, "--table": table, **of_html, **of_dwc}
        report_training(tables, to, output, title, others, no_clobber)
        return
    if to is None:
        raise typer.BadParameter("Missing option '--to': a format is needed")
    check_choice("--to", to, REPORT_FORMATS)
    check_formats(
        "table" if table and to not in TABLES else to,
        {"--by": (by, TABLES)},
    )
    wanted = {name: (value, ("html",)) for name, value in of_html.items()}
    wanted |= {name: (value, ("dwc",)) for name, value in of_dwc.items()}
    check_formats(to, {**wanted, "--title": (title, ("html", "dwc"))})
    check_choice("--by", by or KINDS[0], KINDS)
    if index and not vectors and not hits:
        raise typer.BadParameter("needs --vectors or --hits", param_hint="--index")
    check_suffix(output, to)
    check_tables(tables, table)
    inputs = [*tables, *(vectors or []), *(reads or []), index, ids, run, hits]
    refuse_overwriting([output, table], inputs, no_clobber)
    from barcodeembed.bundles.files import replace_together
    from barcodeembed.report.dwc import write_archive
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
        hits=hits,
        ids=ids,
        reads=reads or (),
        title=title,
        run=run,
        exclude=exclude_flags.split(",") if exclude_flags else (),
        warn=console.warn,
    )
    with replace_together() as group:
        if to == "dwc":
            write_archive(made.archive(), group.binary(output))
        else:
            group.text(output).writelines(made.text())
        if table is not None:
            group.text(table).writelines(made.table().text())
    left_out = f", {made.excluded:,} left out by --exclude-flags" if exclude_flags else ""
    console.say(f"{made.queries:,} records{left_out}")
