"""Recipes of conda and containers name the version and the dependencies of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from xml.etree import ElementTree

import pytest
from support import REPOSITORY

from barcodeembed import __version__
from barcodeembed.cli.tree import commands

PACKAGING = REPOSITORY / "packaging"

#: Names of packages of PyPI in conda's channels.
CONDA_NAMES = {"edlib": "python-edlib", "torch": "pytorch"}


def declared() -> dict[str, str]:
    """Return the lowest version of each dependency, by its name in conda."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    found = {"python": project["requires-python"].removeprefix(">=")}
    for dependency in project["dependencies"]:
        name, version = dependency.split(">=")
        found[CONDA_NAMES.get(name, name)] = version.removesuffix(".post1")  # PyPI's alone
    return found


def listed(text: str) -> dict[str, str]:
    """Return the dependencies with a lowest version in a recipe."""
    lines = re.findall(r"^ +- ([a-z-]+) >=([\d.]+)$", text, re.M)
    return {name.removesuffix("-cpu") if name == "pytorch-cpu" else name: v for name, v in lines}


def test_the_conda_environment_has_all_dependencies():
    assert listed((PACKAGING / "conda" / "environment.yml").read_text()) == declared()


def test_the_conda_recipe_has_all_dependencies_and_the_version():
    text = (PACKAGING / "conda" / "meta.yaml").read_text()
    _, _, run = text.partition("\n  run:\n")
    assert listed(run.partition("\ntest:")[0]) == declared()
    assert f'{{% set version = "{__version__}" %}}' in text


def test_the_conda_recipe_can_be_rendered():
    jinja2, yaml = pytest.importorskip("jinja2"), pytest.importorskip("yaml")
    text = (PACKAGING / "conda" / "meta.yaml").read_text()
    rendered = jinja2.Template(text).render(
        PYTHON="python", pin_subpackage=lambda name, max_pin: f"{name} {max_pin}"
    )
    recipe = yaml.safe_load(rendered)
    assert recipe["package"] == {"name": "barcodeembed", "version": __version__}
    assert recipe["source"]["url"].endswith(f"/v{__version__}.tar.gz")
    for path in recipe["test"]["source_files"]:
        assert (REPOSITORY / path).exists()
    environment = yaml.safe_load((PACKAGING / "conda" / "environment.yml").read_text())
    assert (PACKAGING / "conda" / environment["dependencies"][-1]["pip"][0]).resolve() == REPOSITORY


@pytest.mark.parametrize("name", ["Dockerfile", "barcodeembed.def"])
def test_a_container_has_the_version_and_the_tested_dependencies(name):
    text = (PACKAGING / "container" / name).read_text()
    assert re.search(rf"(version=\"|Version ){re.escape(__version__)}\b", text)
    assert "-c constraints.txt" in text


def test_the_dockerfile_has_no_finding_of_hadolint():
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run(
        ["hadolint", str(PACKAGING / "container" / "Dockerfile")], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


# The tool for Galaxy.

GALAXY = REPOSITORY / "workflows" / "galaxy" / "barcodeembed_classify.xml"


def test_the_galaxy_tool_has_the_version_and_options_that_exist():
    tool = ElementTree.parse(GALAXY).getroot()
    assert tool.findtext("macros/token") == __version__
    known = {command.words: command for command in commands()}
    script = re.sub(r"&& mv .*", "", tool.findtext("command"))
    called = re.findall(r"(?m)^ *(?:&& )?(barcodeembed [\s\S]+?)(?=^ *&&|^#if \$page|\Z)", script)
    assert [" ".join(line.split()[:2]) for line in called] == [
        *("barcodeembed index", "barcodeembed classify", "barcodeembed report"),
    ]
    for line in called:
        words = tuple(line.split()[: 3 if "index build" in line else 2])
        options = {name for option in known[words].options for name in option.names}
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", line)) <= options
    flags = {param.get("argument") for param in tool.iter("param")} - {None}
    classify = known["barcodeembed", "classify"]
    assert flags <= {name for option in classify.options for name in option.names}


def test_the_galaxy_tool_has_its_test_data():
    tool = ElementTree.parse(GALAXY).getroot()
    for param in tool.iterfind("tests/test/param[@name='reads']"):
        assert (GALAXY.parent / "test-data" / param.get("value")).is_file()


def test_planemo_has_no_finding():
    if shutil.which("planemo") is None:
        pytest.skip("planemo is not installed")
    done = subprocess.run(["planemo", "lint", str(GALAXY)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
