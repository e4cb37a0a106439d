"""The commands and their options as plain values, for completion and the manual page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PROGRAM = "barcodeembed"


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option or an argument.

    Attributes:
        names: ``-o`` and ``--output``, or the metavar of an argument.
        value: What the value is called, or empty if the option takes none.
        help: One or a few sentences.
        default: Text, or empty if there is none to show.
        variable: Environment variable that gives the default, or empty.
        choices: All possible values, or empty if any value is possible.
    """

    names: tuple[str, ...]
    value: str
    help: str
    default: str
    variable: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command or a group of commands. ``words`` begin with the name of the program."""

    words: tuple[str, ...]
    summary: str
    help: str
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    children: tuple[str, ...]

    @property
    def line(self) -> str:
        return " ".join(self.words)


HELP = Parameter(("-h", "--help"), "", "Show this message and exit.", "", "", ())


def commands() -> list[Command]:
    """Return all commands, the program itself first."""
    import typer.main

    from barcodeembed.cli import app

    return list(_walk(typer.main.get_command(app), (PROGRAM,)))


def _walk(command: Any, words: tuple[str, ...]) -> Iterator[Command]:
    children = getattr(command, "commands", {})
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    arguments = [_read(p) for p in shown if p.param_type_name == "argument"]
    options = [_read(p) for p in shown if p.param_type_name == "option"]
    text = command.help or ""
    yield Command(
        words,
        text.partition("\n\n")[0].replace("\n", " "),
        text,
        tuple(arguments),
        (*options, HELP),
        tuple(children),
    )
    for name, child in children.items():
        yield from _walk(child, (*words, name))


def _read(parameter: Any) -> Parameter:
    option = parameter.param_type_name == "option"
    takes_value = not getattr(parameter, "is_flag", False)
    value = (parameter.metavar or "VALUE") if takes_value else ""
    return Parameter(
        tuple(parameter.opts) if option else (value,),
        value,
        parameter.help or "",
        _default(parameter) if takes_value else "",
        str(parameter.envvar or ""),
        getattr(parameter.callback, "choices", ()),
    )


def _default(parameter: Any) -> str:
    """Return the default as the help shows it."""
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    return "" if parameter.default in (None, [], ()) else str(parameter.default)
