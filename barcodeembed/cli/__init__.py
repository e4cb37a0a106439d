"""The command line. Only this package prints, exits or reads the environment."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from barcodeembed import __version__
from barcodeembed.cli import (
    cite,
    classify,
    completion,
    convert,
    embed,
    evaluate,
    gather,
    index,
    info,
    manual,
    models,
    pretrain,
    report,
)
from barcodeembed.cli.boundary import boundary
from barcodeembed.cli.console import console
from barcodeembed.cli.memory import describe_memory_error


class _Commands(TyperGroup):
    """Read the command line and run every command inside the boundary."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with boundary():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        with boundary():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"barcodeembed {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option(
            "-V",
            "--version",
            is_eager=True,
            callback=_show_version,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Name DNA barcodes: pretrain an encoder, embed, index references, assign taxa.

    \b
    Name barcodes of COI, ITS2 and other markers with the models and the references that ship:
      barcodeembed classify reads.fasta > names.tsv

    \b
    Use your own model and references:
      barcodeembed pretrain corpus.fasta -o model
      barcodeembed index build references.tsv -m model -o references.bix
      barcodeembed classify reads.fasta -i references.bix > names.tsv

    Sequence files are FASTA, FASTQ, TSV or CSV, plain or compressed; - is standard input.
    """


app.command("pretrain")(pretrain.pretrain)
app.command("embed")(embed.embed)
app.add_typer(index.app, name="index")
app.command("classify")(classify.classify)
app.command("gather")(gather.gather)
app.command("report")(report.report)
app.command("evaluate")(evaluate.evaluate)
app.command("info")(info.info)
app.add_typer(models.app, name="models")
app.command("convert")(convert.convert)
app.command("cite")(cite.cite)
app.command("completion")(completion.completion)
app.command("man")(manual.man)

_DASHES = "\u2013\u2014\u2212"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    arguments = sys.argv[1:] if arguments is None else arguments
    console.arguments = arguments
    for argument in arguments:
        if argument[:1] in _DASHES and argument:
            name = argument.lstrip(_DASHES + "-")
            print(
                f"barcodeembed: error: {argument!r} begins with a typographic dash; "
                f"use {'-' if len(name) == 1 else '--'}{name}",
                file=sys.stderr,
            )
            sys.exit(2)
    try:
        app(args=arguments, prog_name="barcodeembed")
    except MemoryError as error:  # before the command began, when its options were read
        console.error(str(describe_memory_error(error)))
        sys.exit(1)
