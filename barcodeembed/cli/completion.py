"""``barcodeembed completion``: a script with which a shell completes commands and options.

The script lists every command and option, so completing takes no start of Python.
"""

from __future__ import annotations

from typing import Annotated

import typer

from barcodeembed.cli.checks import one_of
from barcodeembed.cli.tree import PROGRAM, Command, Parameter, commands

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
# Completion of barcodeembed in bash.
_barcodeembed() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command=barcodeembed options= children= values= at
    for ((at = 1; at < COMP_CWORD; at++)); do
        case "$command ${COMP_WORDS[at]}" in
            @COMMANDS@) command="$command ${COMP_WORDS[at]}" ;;
        esac
    done
    case $command in
@OPTIONS@
    esac
    case "$command $before" in
@VALUES@
    esac
    COMPREPLY=()
    if [[ -n $values ]]; then
        COMPREPLY=($(compgen -W "$values" -- "$word"))
    elif [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    elif [[ -n $children ]]; then
        COMPREPLY=($(compgen -W "$children" -- "$word"))
    fi
}
complete -o default -F _barcodeembed barcodeembed
"""

_ZSH = """\
#compdef barcodeembed
# Completion of barcodeembed in zsh.
_barcodeembed() {
    local command=barcodeembed word
    local -a flags children values
    for word in "${(@)words[2,CURRENT-1]}"; do
        case "$command $word" in
            (@COMMANDS@) command="$command $word" ;;
        esac
    done
    case $command in
@OPTIONS@
    esac
    case "$command ${words[CURRENT-1]}" in
@VALUES@
    esac
    if (( $#values )); then
        compadd -a values
    elif [[ ${words[CURRENT]} == -* ]]; then
        _describe -o option flags
    elif (( $#children )); then
        _describe command children
    else
        _files
    fi
}
if [[ $funcstack[1] == _barcodeembed ]]; then  # loaded from fpath
    _barcodeembed "$@"
else
    compdef _barcodeembed barcodeembed
fi
"""

_FISH = """\
# Completion of barcodeembed in fish.
function __barcodeembed_command
    set -l command barcodeembed
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if contains -- "$command $word" @COMMANDS@
            set command "$command $word"
        end
    end
    echo $command
end
"""


def completion(
    shell: Annotated[
        str,
        typer.Argument(metavar="SHELL", help="bash, zsh or fish.", callback=one_of(*SHELLS)),
    ],
) -> None:
    """Print a script that completes commands, options and their values in a shell.

    \b
    Examples:
      barcodeembed completion bash > ~/.local/share/bash-completion/completions/barcodeembed
      barcodeembed completion zsh > ~/.zfunc/_barcodeembed
      barcodeembed completion fish > ~/.config/fish/completions/barcodeembed.fish

    For zsh, ~/.zshrc needs two lines: fpath+=~/.zfunc and autoload -Uz compinit && compinit.
    """
    print(script(shell), end="")


def script(shell: str) -> str:
    """Return the completion script of a shell."""
    known = commands()
    if shell == "fish":
        names = " ".join(f"'{command.line}'" for command in known[1:])
        return "".join([_FISH.replace("@COMMANDS@", names), *map(_fish, known)])
    template, describe = (_BASH, _bash) if shell == "bash" else (_ZSH, _zsh)
    parts = {
        "@COMMANDS@": " | ".join(f"'{command.line}'" for command in known[1:]),
        "@OPTIONS@": "\n".join(map(describe, known)),
        "@VALUES@": "\n".join(line for command in known for line in _values(command, shell)),
    }
    for mark, part in parts.items():
        template = template.replace(mark, part)
    return template


def _bash(command: Command) -> str:
    names = " ".join(name for option in command.options for name in option.names)
    children = " ".join(command.children)
    return f"        '{command.line}') options='{names}' children='{children}' ;;"


def _zsh(command: Command) -> str:
    described = [(name, option) for option in command.options for name in option.names]
    options = " ".join(_quote(f"{name}:{_short(option.help)}") for name, option in described)
    summaries = {other.words: other.summary for other in commands()}
    children = " ".join(
        _quote(f"{name}:{_short(summaries[*command.words, name])}") for name in command.children
    )
    return f"        ('{command.line}') flags=({options}) children=({children}) ;;"


def _values(command: Command, shell: str) -> list[str]:
    """Return a line of ``case`` for each option that has a list of values."""
    lines = []
    for parameter in command.options:
        if parameter.choices:
            patterns = " | ".join(f"'{command.line} {name}'" for name in parameter.names)
            words = " ".join(parameter.choices)
            values = f"'{words}'" if shell == "bash" else f"({words})"
            lines.append(f"        {'(' * (shell == 'zsh')}{patterns}) values={values} ;;")
    return lines


def _fish(command: Command) -> str:
    start = f"complete -c {PROGRAM} -n 'test (__barcodeembed_command) = \"{command.line}\"'"
    summaries = {other.words: other.summary for other in commands()}
    lines = [
        f"{start} -f -a {name} -d {_quote(_short(summaries[*command.words, name]))}"
        for name in command.children
    ]
    lines += [f"{start} {_fish_option(option)}" for option in command.options]
    return "".join(f"{line}\n" for line in lines)


def _fish_option(option: Parameter) -> str:
    names = " ".join(
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names
    )
    value = " -r" if option.value else ""
    if option.choices:
        value = f" -xa {_quote(' '.join(option.choices))}"
    return f"{names}{value} -d {_quote(_short(option.help))}"


def _short(text: str) -> str:
    """Return the first sentence, without what separates a name from its description in zsh."""
    return text.partition(". ")[0].removesuffix(".").replace(":", " -").replace("\n", " ")


def _quote(text: str) -> str:
    """Quote a text for any of the shells; an apostrophe becomes a typographic one."""
    return "'" + text.replace("'", "\u2019").replace("\\", "") + "'"
