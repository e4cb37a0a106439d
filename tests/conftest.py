"""What every test may use: a tiny model, an index of the simulated references, the command line.

The model has random weights, so no test here says anything about how right a name is.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

# Before torch is loaded. Idle threads sleep: on shared cores spinning ones cost tenfold.
os.environ["OMP_NUM_THREADS"] = "2"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
# Some machines set it; what is written without a buffer fails sooner than for most users.
os.environ.pop("PYTHONUNBUFFERED", None)

import pytest
from hypothesis import settings
from support import SHARED, SIMULATED, Result, command, run_here

# The same examples on every run, on machines of any speed.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time; every other test has the seconds of pyproject.toml."""
    for item in items:
        for name, seconds in (("docs", 600), ("slow", 1800)):
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every connection beyond this machine's own sockets: no test may need the network."""
    connect = socket.socket.connect

    def refuse(self, address):
        if self.family == socket.AF_UNIX:
            return connect(self, address)
        raise AssertionError(f"a test tried to connect to {address}")

    socket.socket.connect = refuse
    yield
    socket.socket.connect = connect


@pytest.fixture(scope="session")
def model_bundle(tmp_path_factory) -> Path:
    """A model bundle of the preset tiny with random weights."""
    import torch

    from barcodeembed.model.bundle import save_model
    from barcodeembed.model.config import PRESETS
    from barcodeembed.model.encoder import Encoder

    path = tmp_path_factory.mktemp("model") / "tiny"
    torch.manual_seed(0)
    save_model(path, Encoder(PRESETS["tiny"].model), {})
    return path


@pytest.fixture(scope="session")
def index_bundle(tmp_path_factory, model_bundle) -> Path:
    """An index of the simulated references, made by the command."""
    path = tmp_path_factory.mktemp("index") / "references.bix"
    code = run_here("index", "build", SIMULATED / "reference.fasta", "-m", model_bundle, "-o", path)
    assert code == 0
    return path


@pytest.fixture(scope="session")
def coi() -> Path:
    """The folder of real COI barcodes, which are not part of the project."""
    path = SHARED / "data" / "coi"
    if not path.is_dir():
        pytest.skip(f"the real COI barcodes are not at {path}")
    return path


@pytest.fixture
def call(capfd) -> Callable[..., Result]:
    """Run a command in this process, which costs a tenth of a second instead of three."""

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        code = run_here(*arguments)
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command in a process of its own; keywords go to subprocess.run."""

    def run(*arguments: object, **options) -> Result:
        options.setdefault("capture_output", True)
        done = subprocess.run(command(*arguments), text=True, timeout=120, **options)
        return Result(done.returncode, done.stdout, done.stderr)

    return run
