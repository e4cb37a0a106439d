"""The source distribution and the wheel: what they contain, their size and their description."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import NamedTuple

import pytest
from support import REPOSITORY

#: Bytes. The model and the prototypes that ship are most of it; PyPI accepts 100 MB.
LARGEST = 95_000_000

SITE = "https://github.com/barcodeembed/barcodeembed"

#: What must not be packed: made by tools, or large.
LEFT_OUT = (".*", "build", "dist", "*.egg-info", "__pycache__", "demo", "mini")

pytestmark = pytest.mark.timeout(600)


class Built(NamedTuple):
    """Paths of the two distributions, and the folder that has the unpacked source."""

    sdist: Path
    wheel: Path
    source: Path


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a distribution with setuptools, as pip does, without the network."""
    script = f"import sys; from setuptools import build_meta as b; b.build_{kind}(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], cwd=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    """Build the source distribution from a copy of the repository, and the wheel from that."""
    folder = tmp_path_factory.mktemp("distributions")
    shutil.copytree(REPOSITORY, folder / "copy", ignore=shutil.ignore_patterns(*LEFT_OUT))
    sdist = build("sdist", folder / "copy", _new(folder / "sdist"))
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    return Built(sdist, build("wheel", source, _new(folder / "wheel")), source)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


@pytest.mark.parametrize(
    "path",
    [
        *("LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "constraints-lowest.txt"),
        *("data/demo.sh", "data/simulated/reads.fasta", "docs/classify.md", "docs/report.png"),
        *("tests/support.py", "tests/golden/options.txt", "benchmarks/coi.sh"),
        *("packaging/check.py", "barcodeembed/shipped/coi.model/model.safetensors"),
    ],
)
def test_the_source_distribution_has(built, path):
    assert (built.source / path).read_bytes() == (REPOSITORY / path).read_bytes()


def test_the_wheel_has_every_file_of_the_package_and_no_other(built):
    package = REPOSITORY / "barcodeembed"
    expected = {
        str(path.relative_to(REPOSITORY))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_size_licence_and_description(built):
    assert built.sdist.stat().st_size < LARGEST
    assert built.wheel.stat().st_size < LARGEST
    described = metadata(built.wheel)
    assert described["License-Expression"] == "MIT"
    assert described["License-File"] == "LICENSE"
    assert described["Description-Content-Type"] == "text/markdown"


def test_the_description_is_the_readme_with_links_that_work_elsewhere(built):
    """Every link of the description is absolute, and leads to what the README links to."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    described = metadata(built.wheel).get_payload(decode=True).decode()
    links = re.findall(r"\]\(([^)]+)\)", described)
    assert links and all(link.startswith("https://") for link in links)
    assert re.findall(r"!\[[^]]*\]\(([^)]+)\)", described) == [f"{SITE}/raw/main/docs/report.png"]
    restored = re.sub(rf"{SITE}/(blob|raw)/main/(README\.md(?=#))?", "", described)
    assert restored.strip() == readme.strip()


def test_the_wheel_installs_the_command(built):
    with zipfile.ZipFile(built.wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "barcodeembed = barcodeembed.cli:main" in archive.read(name).decode()
