"""What connects the command line with a shell: completion, manual pages, variables, logs, cite."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import subprocess
import sys
from inspect import signature

import numpy as np
import pytest
from support import REPOSITORY, SIMULATED, run_here
from typer import Typer

from barcodeembed import __version__
from barcodeembed.cli.completion import SHELLS, script
from barcodeembed.cli.console import Console
from barcodeembed.cli.manual import page
from barcodeembed.cli.tree import commands

READS = SIMULATED / "reads.fasta"


def in_shell(shell: str, text: str) -> str:
    """Run a script in a shell that reads no files of the user, or skip the test without it."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    without_files = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run([program, *without_files, "-c", text], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# What each shell is asked, with the word that is being completed.
_ASK = {
    "bash": "COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _barcodeembed; "
    'printf "%s\\n" "${{COMPREPLY[@]}}"',
    # The functions with which zsh shows completions print them here.
    "zsh": "_describe() {{ print -l -- ${{(P)${{@[-1]}}}} }}; _files() {{ print FILES }}; "
    "compadd() {{ print -l -- ${{(P)2}} }}; words=({words}); CURRENT=$#words; _barcodeembed",
    "fish": "complete -C {line}",
}


def completions(shell: str, *words: str) -> set[str]:
    """Return the words that a shell offers for the last of the words."""
    before = "compdef() {{ : }}\n" if shell == "zsh" else ""
    quoted = " ".join(f"'{word}'" for word in ("barcodeembed", *words))
    line = f"'{' '.join(('barcodeembed', *words))}'"
    asked = _ASK[shell].format(words=quoted, line=line)
    printed = in_shell(shell, f"{before.format()}{script(shell)}{asked}")
    found = {re.split(r"[\t:]", line)[0] for line in printed.splitlines()}
    return {word for word in found if word.startswith(words[-1]) or word == "FILES"}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(shell):
    assert "classify" in completions(shell, "c")
    assert {"build", "add", "merge", "subset", "audit"} <= completions(shell, "index", "")
    assert "--min-confidence" in completions(shell, "classify", "--min")
    assert "--prototypes" in completions(shell, "index", "build", "--pro")
    assert completions(shell, "embed", "--device", "c") == {"cpu", "cuda"}
    # Options of another command are not offered.
    assert not completions(shell, "embed", "--min-conf")


@pytest.mark.parametrize("shell", ("bash", "zsh"))
def test_a_shell_completes_files_as_usual(shell):
    assert completions(shell, "classify", "") in (set(), {"FILES"}, {""})


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_valid_and_names_every_option(call, shell):
    text = call("completion", shell).out
    assert text == script(shell)
    for option in (option for command in commands() for option in command.options):
        for name in option.names:
            assert name in text or f"-l {name[2:]} " in text or f"-s {name[1:]} " in text


def test_another_shell_is_a_usage_error(call):
    done = call("completion", "tcsh")
    assert done.code == 2 and "bash, zsh, fish" in done.err


def test_every_command_has_a_manual_page():
    known = {command.words: command for command in commands()}
    for command in known.values():
        text = page(command, known)
        assert f".B {command.line}\n".replace("-", "\\-") in text
        for option in command.options:
            for name in option.names:
                assert name.replace("-", "\\-") in text
        # A line that begins with a dot or an apostrophe is a command of the page's language.
        controls = {line.split()[0] for line in text.splitlines() if line[:1] in (".", "'")}
        assert controls <= {".TH", ".SH", ".PP", ".TP", ".B", ".nf", ".fi"}


def test_the_manual_page_is_valid(tmp_path):
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    known = {command.words: command for command in commands()}
    for number, command in enumerate(known.values()):
        (tmp_path / f"{number}.1").write_text(page(command, known))
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "error", *tmp_path.iterdir()], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_man_of_a_command_in_a_group(call):
    assert '.TH "BARCODEEMBED-INDEX-BUILD"' in call("man", "index", "build").out
    assert call("man", "index", "bild").code == 2


# Environment variables.


def test_a_variable_gives_the_default_and_an_option_wins(call, index_bundle, monkeypatch, tmp_path):
    expected = call("classify", READS, "-i", index_bundle).out
    monkeypatch.setenv("BARCODEEMBED_INDEX", str(index_bundle))
    assert call("classify", READS).out == expected
    monkeypatch.setenv("BARCODEEMBED_INDEX", str(tmp_path / "nowhere.bix"))
    done = call("classify", READS)
    assert done.code == 1 and "nowhere.bix" in done.err
    assert call("classify", READS, "-i", index_bundle).out == expected


def test_the_variable_for_threads(call, model_bundle, monkeypatch):
    monkeypatch.setenv("BARCODEEMBED_THREADS", "none")
    done = call("embed", READS, "-m", model_bundle)
    assert done.code == 2 and "BARCODEEMBED_THREADS" in done.err
    assert call("embed", READS, "-m", model_bundle, "-t", 1).code == 0


def test_the_help_names_the_variables(call):
    text = re.sub(r"\s+", " ", call("classify", "-h").out)
    assert "env var: BARCODEEMBED_INDEX" in text and "env var: BARCODEEMBED_THREADS" in text


# The log.


def test_a_log_has_all_messages_with_times_and_the_exit_code(call, model_bundle, tmp_path):
    log = tmp_path / "run.log"
    done = call("embed", READS, "-m", model_bundle, "-q", "--log", log)
    assert "dimensions" not in done.err
    lines = log.read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 ", line) for line in lines)
    texts = [line.split(" ", 1)[1] for line in lines]
    assert texts[0].startswith(f"barcodeembed {__version__}: barcodeembed embed ")
    assert any("warning" in text for text in texts)
    assert any("dimensions" in text for text in texts)  # not shown, because of -q
    assert texts[-1] == "exit code 0"


def test_a_log_is_appended_and_records_errors(call, tmp_path):
    log = tmp_path / "run.log"
    log.write_text("before\n")
    assert call("embed", tmp_path / "nowhere.fasta", "--log", log).code == 1
    text = log.read_text()
    assert text.startswith("before\n")
    assert "nowhere.fasta: cannot be read" in text and text.endswith("exit code 1\n")


def test_a_log_has_names_that_are_not_utf_8(call, tmp_path):
    log = tmp_path / "run.log"
    assert call("embed", os.fsdecode(b"no\xf6.fa"), "--log", log).code == 1
    assert r"embed 'no\udcf6.fa' --log" in log.read_text()


@pytest.mark.parametrize("words", [["--log", READS], [f"--log={READS}"]])
def test_a_log_is_not_appended_to_another_file_of_the_command(call, words):
    before = READS.read_bytes()
    done = call("embed", READS, *words)
    assert done.code == 2 and "also another file" in done.err
    assert READS.read_bytes() == before


def test_a_log_that_cannot_be_opened_is_an_error(call, tmp_path):
    done = call("embed", READS, "--log", tmp_path / "nowhere" / "run.log")
    assert done.code == 1 and "run.log" in done.err


def test_a_full_disk_ends_the_log_and_the_exit_code_tells(call, model_bundle, tmp_path):
    vectors = tmp_path / "v.npy"
    done = call("embed", READS, "-m", model_bundle, "-o", vectors, "--log", "/dev/full")
    assert done.code == 1
    assert (
        done.err.count("/dev/full: cannot be written: No space left on device; the log ends") == 1
    )
    assert len(np.load(vectors)) == 120


def test_a_log_can_find_the_disk_full_when_it_is_closed(capfd):
    class Log(io.BytesIO):
        name = "run.log"

        def close(self):
            super().close()
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

    assert not Console(_log=Log()).close(0)
    assert "run.log: cannot be written: Disk quota exceeded" in capfd.readouterr().err


def test_messages_that_are_lost_have_exit_code_1(call, model_bundle, tmp_path, monkeypatch):
    vectors = tmp_path / "v.npy"
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert call("embed", READS, "-m", model_bundle, "-o", vectors).code == 1
    assert len(np.load(vectors)) == 120


def test_a_second_command_writes_no_log(call, tmp_path):
    log = tmp_path / "run.log"
    call("embed", tmp_path / "nowhere.fasta", "--log", log)
    before = log.read_text()
    run_here("embed", tmp_path / "nowhere.fasta")
    assert log.read_text() == before


# Suggestions, and how to cite.


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [(["clasify"], "classify"), (["classify", "--min-confidense", "1"], "--min-confidence")],
)
def test_a_misspelt_word_gets_a_suggestion(call, words, suggestion):
    if suggestion == "classify" and "suggest_commands" not in signature(Typer).parameters:
        pytest.skip("typer suggests commands from version 0.20 on")
    done = call(*words)
    assert done.code == 2 and suggestion in done.err


def test_cite_says_what_the_citation_file_says(call):
    citation = (REPOSITORY / "CITATION.cff").read_text()
    text = re.sub(r"\s+", " ", call("cite").out)
    bibtex = re.sub(r"\s+", " ", call("cite", "--bibtex").out)
    assert f"version: {__version__}\n" in citation
    for printed in (text, bibtex):
        assert __version__ in printed
        for title in re.findall(r'^ *(?:- )?title: "?(.+?)"?$', citation, re.M):
            assert title in printed
        for url in re.findall(r"^ *(?:url|repository-code): (.+)$", citation, re.M):
            assert url in printed
        for name in re.findall(r"family-names: ([^}]+)", citation):
            assert name in printed
    assert bibtex.count("{") == bibtex.count("}")
