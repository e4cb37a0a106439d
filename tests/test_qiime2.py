"""The plugin for QIIME 2, in `workflows/qiime2`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from support import REPOSITORY, SIMULATED, rows_of

from barcodeembed import __version__, vocabulary
from barcodeembed.cli.cite import cite
from barcodeembed.cli.tree import commands

PLUGIN = REPOSITORY / "workflows" / "qiime2"
PACKAGE = PLUGIN / "q2_barcodeembed"


def test_the_plugin_has_the_version_and_the_citations_of_the_program(capsys):
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    assert f'__version__ = "{__version__}"' in (PACKAGE / "__init__.py").read_text()
    cite(bibtex=True)
    # QIIME 2 leaves out entries of the type software.
    bibtex = capsys.readouterr().out.replace("@software", "@misc")
    assert (PACKAGE / "citations.bib").read_text() == bibtex


def test_the_actions_of_the_plugin_use_options_that_exist():
    known = {command.words: command for command in commands()}
    actions = re.split(r"^def ", (PACKAGE / "actions.py").read_text(), flags=re.M)
    of_action = {"build": ("index", "build"), "classify": ("classify",), "report": ("report",)}
    for text in actions:
        if words := of_action.get(text.partition("(")[0]):
            options = {n for option in known["barcodeembed", *words].options for n in option.names}
            used = set(re.findall(r'"(--?[a-z-]+)"', text))
            of_report = {"--to"} if words == ("classify",) else set()
            assert used and used - of_report <= options


def test_the_markers_of_the_plugin_are_those_that_ship():
    (choices,) = re.findall(
        r'"marker": Str % Choices\((.*)\)', (PACKAGE / "plugin_setup.py").read_text()
    )
    assert re.findall(r'"(\w+)"', choices) == [vocabulary.AUTO, *vocabulary.MARKERS]


QIIME = shutil.which("qiime")


@pytest.fixture
def installed(tmp_path) -> dict[str, str]:
    """Install the plugin in a folder, and return an environment that has it and the program."""
    shutil.copytree(PLUGIN, tmp_path / "source")
    folders = [tmp_path / name for name in ("wheel", "site", "bin")]
    for folder in folders:
        folder.mkdir()
    wheels, site, programs = folders
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(wheels)!r})"
    subprocess.run(
        [sys.executable, "-c", build], cwd=tmp_path / "source", check=True, capture_output=True
    )
    (wheel,) = wheels.iterdir()
    zipfile.ZipFile(wheel).extractall(site)
    script = programs / "barcodeembed"
    paths = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH="{paths}" exec "{sys.executable}" -m barcodeembed "$@"\n'
    )
    script.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    path = f"{programs}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(site), "HOME": str(home)}


@pytest.mark.slow
@pytest.mark.skipif(not QIIME, reason="QIIME 2 is not installed")
def test_qiime_2_builds_classifies_and_shows(installed, model_bundle, index_bundle, call, tmp_path):
    """The actions give what the commands give."""
    python = Path(QIIME).read_text().splitlines()[0].removeprefix("#!").strip()
    lines = (SIMULATED / "reads.fasta").read_text().splitlines()
    names = [line[1:].split()[0] for line in lines[:40:2]]
    reads, counts, output = tmp_path / "some.fasta", tmp_path / "counts.tsv", tmp_path / "output"
    reads.write_text("\n".join(lines[:40]) + "\n")
    counts.write_text(
        "#OTU ID\tpond\tlake\n" + "".join(f"{n}\t{i}\t2\n" for i, n in enumerate(names))
    )
    output.mkdir()
    script = REPOSITORY / "tests" / "qiime2_plugin.py"
    words = (script, SIMULATED / "reference.fasta", reads, counts, output, model_bundle)
    done = subprocess.run(
        [python, *map(str, words)], env=installed, capture_output=True, text=True, timeout=1500
    )
    assert done.returncode == 0, done.stderr
    table, taxonomy = tmp_path / "names.tsv", tmp_path / "taxonomy.tsv"
    found = call("classify", reads, "-i", index_bundle, "--cluster-novel", "-o", table)
    assert found.code == 0, found.err
    assert call("report", table, "--to", "qiime2", "-o", taxonomy).code == 0
    expected, given = rows_of(taxonomy.read_text()), rows_of((output / "taxonomy.tsv").read_text())
    assert {(row["Feature ID"], row["Taxon"]) for row in given} == {
        (row["Feature ID"], row["Taxon"]) for row in expected
    }
    statuses = rows_of((output / "statuses.tsv").read_text())
    assert [row["status"] for row in statuses] == [r["status"] for r in rows_of(table.read_text())]
    page = (output / "page" / "index.html").read_text()
    assert "<h1>A page</h1>" in page and "pond" in page and "references.bix" not in page
