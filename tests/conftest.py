"""Fixtures of all tests: a tiny model, an index of the simulated references, the command line.

The model has random weights, so the tests do not measure the accuracy of names.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

# Set before torch is loaded. Tests run in parallel, so a second thread would only wait for a core,
# and a waiting thread sleeps, because busy waiting is slow on shared cores.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
# Some machines set it; unbuffered output fails earlier than for most users.
os.environ.pop("PYTHONUNBUFFERED", None)

import pytest
from hypothesis import settings
from support import SHARED, SIMULATED, Result, command, run_here

#: Run by test_qiime2.py with the Python of QIIME 2. Doctests would import it.
collect_ignore = ["qiime2_plugin.py"]

# The same examples on every run, on machines of any speed.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time; the limit of all others is in pyproject.toml."""
    for item in items:
        for name, seconds in (("docs", 600), ("slow", 1800)):
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse all connections except local sockets, because tests must not need the network."""
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
    """Make a model bundle of the preset tiny with random weights."""
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
    """Build an index of the simulated references with the command."""
    path = tmp_path_factory.mktemp("index") / "references.bix"
    code = run_here("index", "build", SIMULATED / "reference.fasta", "-m", model_bundle, "-o", path)
    assert code == 0
    return path


@pytest.fixture(scope="module")
def small_samples(index_bundle) -> Iterator[None]:
    """Calibrate the indexes of a file of tests roughly, on few examples, which is faster.

    For tests that do not depend on how good the confidence is. The index that all tests share is
    built before.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("barcodeembed.calibration.sample._FRACTION", 0.05)
        patch.setattr("barcodeembed.calibration.sample._MIN_COUNT", 24)
        patch.setattr("barcodeembed.calibration.mutants._COPIES", 8)
        patch.setattr("barcodeembed.calibration.tuning._OPEN_SAMPLE", 12)
        patch.setattr("barcodeembed.index.fit._FRAGMENTS", 1)
        patch.setattr("barcodeembed.scoring.logistic._GRADIENT", 1e-3)
        yield


@pytest.fixture(scope="session")
def coi() -> Path:
    """Return the folder of real COI barcodes, which are not part of the project."""
    path = SHARED / "data" / "coi"
    if not path.is_dir():
        pytest.skip(f"the real COI barcodes are not at {path}")
    return path


@pytest.fixture
def call(capfd) -> Callable[..., Result]:
    """Run a command in this process, which is faster than a new process."""

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        code = run_here(*arguments)
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command in a new process; keywords are passed to subprocess.run."""

    def run(*arguments: object, **options) -> Result:
        options.setdefault("capture_output", True)
        done = subprocess.run(command(*arguments), text=True, timeout=120, **options)
        return Result(done.returncode, done.stdout, done.stderr)

    return run
