"""``barcodeembed report``: the rows of classify in the formats of other programs, or as a page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

import typer

from barcodeembed.cli import options, report_options
from barcodeembed.cli.checks import check_choice, refuse_overwriting
from barcodeembed.cli.console import console
from barcodeembed.cli.threads import use_threads

_TABLES = ("biom", "table")
#: Suffixes of formats, and those that the output of a format can have. Others are not checked.
_SUFFIXES = {
    **{"html": (".html", ".htm"), "biom": (".biom", ".json"), "multiqc": (".json",)},
    **{"dwc": (".zip",)},
    **dict.fromkeys(("table", "qiime2"), (".tsv", ".txt")),
    **dict.fromkeys(("krona", "kraken", "sintax"), (".txt", ".tsv")),
}
_PROMISES = frozenset(
    (".html", ".htm", ".biom", ".json", ".zip", ".tsv", ".csv", ".pdf", ".xlsx", ".png", ".svg")
)
_KINDS = ("taxon", "query", "sequence")


def report(
    tables: report_options.Tables,
    to: report_options.To,
    output: report_options.Output = "-",
    sample_pattern: report_options.SamplePattern = None,
    by: report_options.By = None,
    vectors: report_options.Vectors = None,
    index: report_options.Index = None,
    exclude_flags: report_options.ExcludeFlags = None,
    title: report_options.Title = None,
    run: report_options.Run = None,
    ids: report_options.Ids = None,
    reads: report_options.ReadFiles = None,
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
    if by is not None:
        check_choice("--by", by, _KINDS)
        _only("--by", to, _TABLES)
    if vectors:
        _only("--vectors", to, ("html",))
    if index:
        _only("--index", to, ("html",))
        if not vectors:
            raise typer.BadParameter("needs --vectors, those of the queries", param_hint="--index")
    _only_dwc({"--ids": ids, "--reads": reads}, to)
    if run:
        _only("--run", to, ("html",))
    if title:
        _only("--title", to, ("html", "dwc"))
    check_suffix(output, to)
    if tables.count("-") > 1:
        raise typer.BadParameter("- (standard input) can be read once", param_hint="TSV...")
    inputs = [*tables, *(vectors or []), *(reads or []), index, ids, run]
    refuse_overwriting([output], inputs, no_clobber)
    from barcodeembed.bundles.files import open_output, replace_file
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
        ids=ids,
        reads=reads or (),
        title=title,
        run=run,
        exclude=exclude_flags.split(",") if exclude_flags else (),
        warn=console.warn,
    )
    if to == "dwc":
        from barcodeembed.report.dwc import write_archive

        files = made.archive()
        with replace_file(output) as archive:
            write_archive(files, archive)
    else:
        with open_output(output) as stream:
            for fragment in made.text():
                stream.write(fragment)
    left_out = f", {made.excluded:,} left out by --exclude-flags" if exclude_flags else ""
    console.say(f"{made.queries:,} records{left_out}")


def _only(option: str, to: str, formats: Iterable[str]) -> None:
    if to not in formats:
        raise typer.BadParameter(f"is for --to {' or '.join(formats)}", param_hint=option)


def _only_dwc(given: dict[str, object], to: str) -> None:
    for option, value in given.items():
        if value:
            _only(option, to, ("dwc",))


def check_suffix(output: str, to: str) -> None:
    """Raise a usage error if the suffix of the output promises another format."""
    suffixes = [suffix.lower() for suffix in PurePath(output).suffixes[-2:]]
    if suffixes and suffixes[-1] in (".gz", ".bz2", ".xz"):
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    wanted = _SUFFIXES.get(to, ())
    if to == "dwc" and PurePath(output).suffix.lower() != ".zip":
        raise typer.BadParameter("--to dwc writes an archive; give FILE.zip", param_hint="-o")
    if suffix in _PROMISES and suffix not in wanted:
        advice = f"give a name that ends with {' or '.join(wanted)}" if wanted else "rename it"
        raise typer.BadParameter(f"--to {to} does not write {suffix}; {advice}", param_hint="-o")
