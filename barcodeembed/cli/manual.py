"""``barcodeembed man``: the help of a command as a manual page."""

from __future__ import annotations

from typing import Annotated

import typer

from barcodeembed import __version__
from barcodeembed.cli.tree import PROGRAM, Command, Parameter, commands

_EXIT_CODES = (
    ("0", "Success, also if there are no records."),
    ("1", "An error in the data or at run time."),
    ("2", "An error in the options or arguments."),
    ("129", "The terminal or connection was closed (SIGHUP)."),
    ("130", "Interrupted by Ctrl-C."),
    ("141", "The reader of standard output closed the pipe."),
    ("143", "Terminated by SIGTERM."),
)


def man(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]", show_default=False, help="A command, for example: index build."
        ),
    ] = None,
) -> None:
    """Print the manual page of the program or of a command.

    \b
    Examples:
      barcodeembed man | man -l -
      barcodeembed man classify > barcodeembed-classify.1
      barcodeembed man index build > barcodeembed-index-build.1
    """
    words = (PROGRAM, *(command or ()))
    known = {one.words: one for one in commands()}
    if words not in known:
        raise typer.BadParameter(f"there is no command {' '.join(words[1:])!r}")
    print(page(known[words], known), end="")


def page(command: Command, known: dict[tuple[str, ...], Command]) -> str:
    """Return the manual page of a command, in the language of ``man``."""
    name = "-".join(command.words)
    lines = [
        # No date: the page of a version is always the same text.
        f'.TH "{name.upper()}" "1" "" "{PROGRAM} {__version__}" "User Commands"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(command.summary.removesuffix('.'))}",
        ".SH SYNOPSIS",
        f".B {_text(command.line)}",
        _text(" ".join(["[OPTIONS]", *(argument.value for argument in command.arguments)])),
        *([_text("COMMAND [ARGS]...")] if command.children else []),
        ".SH DESCRIPTION",
        *_description(command.help),
    ]
    if command.children:
        lines.append(".SH COMMANDS")
        for child in command.children:
            lines += [".TP", f".B {_text(child)}", _text(known[*command.words, child].summary)]
    for title, parameters in (("ARGUMENTS", command.arguments), ("OPTIONS", command.options)):
        if parameters:
            lines += [f".SH {title}", *(line for one in parameters for line in _parameter(one))]
    lines += _environment(command)
    lines.append(".SH EXIT STATUS")
    for code, meaning in _EXIT_CODES:
        lines += [".TP", f".B {code}", meaning]
    return "\n".join(lines) + "\n"


def _description(text: str) -> list[str]:
    """Return the paragraphs of a help text. One that begins with a backspace keeps its lines."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        kept = paragraph.startswith("\b")
        body = [_text(line) for line in paragraph.lstrip("\b\n").split("\n")]
        lines += [".PP", ".nf", *body, ".fi"] if kept else [".PP", *map(str.strip, body)]
    return lines[1:]


def _parameter(parameter: Parameter) -> list[str]:
    names = ", ".join(f"\\fB{_text(name)}\\fR" for name in parameter.names)
    value = f" \\fI{_text(parameter.value)}\\fR" if parameter.names[0].startswith("-") else ""
    default = f" Default: {parameter.default}." if parameter.default else ""
    return [".TP", names + (value if parameter.value else ""), _text(parameter.help + default)]


def _environment(command: Command) -> list[str]:
    variables = [option for option in command.options if option.variable]
    lines = [".SH ENVIRONMENT"] if variables else []
    for option in variables:
        lines += [".TP", f".B {_text(option.variable)}", f"Default of {_text(option.names[-1])}."]
    return lines


def _text(text: str) -> str:
    """Escape what ``man`` reads as a command."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
