"""The documentation: its commands print what it shows, its links lead somewhere, its options exist.

Every ``console``, ``sh`` and ``python`` block of a page runs, in order, in a folder with a copy of
``data/`` and the files that the page names in a comment, ``<!-- given: model reads.fasta -->``. A
block that cannot run has a comment before it: ``<!-- not run: needs 100 GB of records -->``.

The ``pycon`` blocks of a page are one session of Python, which doctest checks.

``python tests/test_docs.py PAGE...`` writes what the commands print now into the pages. It leaves
what still matches, ``...`` too. It does not change ``pycon`` blocks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from pages import (
    anchors,
    blocks,
    given,
    inline_options,
    invocations,
    is_printed,
    pages,
    relative_links,
    steps,
)
from support import REPOSITORY
from test_golden import GOLDEN, this_platform

import barcodeembed

#: How each file is made that a page may take as given. Commands that a page documents come first.
RECIPES = {
    "model": "barcodeembed pretrain data/simulated/reference.fasta -o model --preset tiny "
    "--steps 30",
    "simulated.bix": "barcodeembed index build data/simulated/reference.fasta -m model "
    "-o simulated.bix",
    "names.tsv": "barcodeembed classify data/simulated/reads.fasta -i simulated.bix -o names.tsv",
    "coi.bix": "barcodeembed index build data/simulated/reference.fasta -o coi.bix",
    "reads.fasta": "cp data/simulated/reads.fasta reads.fasta",
    "reads.fastq.gz": 'awk \'/^>/ { name = substr($0, 2); next } { s = $0; gsub(/./, "I"); '
    'print "@" name "\\n" s "\\n+\\n" $0 }\' data/simulated/reads.fasta | gzip > reads.fastq.gz',
    "references.fasta": "cp data/simulated/reference.fasta references.fasta",
    "references.tsv": "cp data/simulated/reads.tsv references.tsv",
    "corpus.fasta.gz": "gzip -c data/simulated/reference.fasta > corpus.fasta.gz",
    "held_out.tsv": "cp data/simulated/reads.tsv held_out.tsv",
}

#: What a recipe itself needs.
NEEDED = {"simulated.bix": ["model"], "names.tsv": ["model", "simulated.bix"]}

#: Options of other programs, and words in code that only look like options.
OTHERS = {"--usearch_global", "--sintax", "--id", "-outfmt", "--otutabout", "--build-arg"}

NAMES = [str(page.relative_to(REPOSITORY)) for page in pages()]


class Workspace:
    """A folder in which the commands of a page run, on one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        shutil.copytree(
            REPOSITORY / "data", self.folder / "data", ignore=shutil.ignore_patterns("__pycache__")
        )
        programs = folder / "bin"
        programs.mkdir()
        for name, words in (("barcodeembed", "-m barcodeembed"), ("python", "")):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            program.chmod(0o755)
        package = Path(barcodeembed.__file__).parent.parent
        self.environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(package),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "100",
            "LC_ALL": "C.UTF-8",
        }

    def run(self, command: str, *options: str) -> tuple[int, list[str]]:
        """Run a shell command, and return its exit code and the lines that it printed."""
        done = subprocess.run(
            ["bash", *options, "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout.splitlines()

    def bring(self, names: list[str], made: Path) -> None:
        """Copy files that were made once for all pages."""
        for name in names:
            if (made / name).is_dir():
                shutil.copytree(made / name, self.folder / name)
            else:
                shutil.copy(made / name, self.folder)


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Workspace:
    """The workspace in which the given files of all pages are made, each when first needed."""
    return Workspace(tmp_path_factory.mktemp("made"))


def make(made: Workspace, name: str) -> None:
    for needed in NEEDED.get(name, []):
        make(made, needed)
    if not (made.folder / name).exists():
        code, printed = made.run(RECIPES[name], "-eu")
        assert code == 0, printed


def has_commands(page: Path) -> bool:
    kinds = {block.kind for block in blocks(page) if block.reason is None}
    return bool(kinds & {"console", "sh", "python", "pycon"})


@pytest.mark.docs
@pytest.mark.parametrize("name", [name for name in NAMES if has_commands(REPOSITORY / name)])
def test_commands_print_what_the_page_shows(name, made, tmp_path):
    page = REPOSITORY / name
    workspace = Workspace(tmp_path)
    for needed in given(page):
        make(made, needed)
    workspace.bring(given(page), made.folder)
    for block in blocks(page):
        if block.reason is None:
            run_block(workspace, block)
    run_examples(workspace, page)


def run_block(workspace: Workspace, block) -> None:
    if block.kind == "console":
        for step in steps(block):
            _, printed = workspace.run(step.command)
            check(step, printed)
    elif block.kind == "sh":
        code, printed = workspace.run(block.text, "-eu")
        assert code == 0, f"{block.text}\nexit code {code}\n" + "\n".join(printed)
    elif block.kind == "python":
        (workspace.folder / "block.py").write_text(block.text)
        code, printed = workspace.run("python block.py")
        assert code == 0, f"{block.text}\n" + "\n".join(printed)


def run_examples(workspace: Workspace, page: Path) -> None:
    """Run the ``pycon`` blocks of a page as one session, and compare what they print."""
    examples = [block.text for block in blocks(page) if block.kind == "pycon"]
    (workspace.folder / "examples.txt").write_text("\n".join(examples))
    code, printed = workspace.run(
        "python -m doctest -o ELLIPSIS -o NORMALIZE_WHITESPACE examples.txt"
    )
    assert code == 0, "\n".join(printed)


def check(step, printed: list[str]) -> None:
    """Compare to the letter where the pages were written, and without numbers elsewhere."""
    shown = step.shown
    if this_platform() != json.loads((GOLDEN / "golden.json").read_text())["platform"]:
        shown, printed = without_numbers(shown), without_numbers(printed)
    assert is_printed(shown, printed), "\n".join(
        [f"$ {step.command}", *step.shown, "--- but it prints:", *printed]
    )


def without_numbers(lines: list[str]) -> list[str]:
    """Return lines with 0 for each number, checksum and precision, which processors differ in."""
    numbers = re.compile(r"\b[0-9a-f]{8,}\b|\b(fp32|bf16)\b|((?<!\w)-)?[0-9]+(\.[0-9]+)?")
    return [re.sub(r" +", " ", numbers.sub("0", line)) for line in lines]


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_a_file_and_a_heading(name):
    page = REPOSITORY / name
    for target in relative_links(page):
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), f"{name}: {target}: there is no such file"
        if anchor:
            assert anchor in anchors(other), f"{name}: {target}: there is no such heading"


def options_of_commands() -> dict[str, set[str]]:
    """Return the options of every command, by its words after ``barcodeembed``."""
    import click
    import typer.main

    from barcodeembed.cli import app

    found: dict[str, set[str]] = {}

    def walk(command: object, words: str) -> None:
        parameters = getattr(command, "params", [])
        found[words] = {o for p in parameters for o in [*p.opts, *p.secondary_opts]}
        found[words] |= {"-h", "--help"}
        for name, child in getattr(command, "commands", {}).items():
            walk(child, f"{words} {name}".strip())

    assert click
    walk(typer.main.get_command(app), "")
    return found


@pytest.fixture(scope="module")
def options() -> dict[str, set[str]]:
    return options_of_commands()


def command_of(words: str, options: dict[str, set[str]]) -> str:
    """Return the longest command that the words begin with."""
    return max((c for c in options if f"{words} ".startswith(f"{c} ") or not c), key=len)


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_options_exist(name, options):
    if name == "CHANGELOG.md":
        pytest.skip("it names what was, too")
    page = REPOSITORY / name
    for words in invocations(page):
        command = command_of(words, options)
        rest = words[len(command) :].split()
        assert command not in ("", "index") or rest[0].startswith(("-", "<")), words
        for word in rest:
            option = word.partition("=")[0]
            if re.fullmatch(r"--?[a-zA-Z][\w-]*", option):
                assert option in options[command], f"{name}: {words}: no option {option}"
    every = set().union(*options.values()) | OTHERS
    for option, before in inline_options(page):
        if before and not before.startswith("-") and before.split()[0] not in options:
            continue  # another program's
        command = command_of(before, options)
        assert option in (options[command] if command else every), f"{name}: `{before} {option}`"


def test_given_files_are_made_as_the_pages_show():
    shown = "\n".join((REPOSITORY / name).read_text() for name in NAMES)
    for name in ("model", "simulated.bix", "names.tsv"):
        assert f"$ {RECIPES[name]}" in shown


def rewrite(page: Path) -> None:
    """Write what the commands of a page print now into the page."""
    text = page.read_text()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        made, workspace = Workspace(Path(other)), Workspace(Path(folder))
        for name in given(page):
            make(made, name)
        workspace.bring(given(page), made.folder)
        for block in blocks(page):
            if block.reason is not None:
                continue
            if block.kind != "console":
                run_block(workspace, block)
                continue
            lines = []
            for step in steps(block):
                _, printed = workspace.run(step.command)
                kept = step.shown if is_printed(step.shown, printed) else printed
                lines += [f"$ {step.command}", *kept]
            text = text.replace(block.text, "\n".join(lines) + "\n", 1)
    page.write_text(text)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        rewrite(Path(path))
