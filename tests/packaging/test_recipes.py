"""Recipes of conda and containers name the version and the dependencies of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib

import pytest
from support import REPOSITORY

from barcodeembed import __version__

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
