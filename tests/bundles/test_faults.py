"""Commands whose N-th system call that writes fails: nothing is broken with exit code 0.

The failing calls are those of the C library, so SQLite, NumPy and safetensors fail too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import REPOSITORY

SOURCE = Path(__file__).with_name("faults.c")

#: Runs a command in a child process for each N, until no call fails. Prints as JSON: N, the
#: exit code, the number of calls, standard error, and what is in the folder.
DRIVER = """
import ctypes, json, os, shutil, sys, tempfile
from pathlib import Path
import faiss, torch, pyfastx, scipy.optimize, safetensors.torch  # loaded once
from barcodeembed.bundles.manifest import digest_file
from barcodeembed.cli import main

shim = ctypes.CDLL(None)
folder, before, step, error, *arguments = sys.argv[1:]

def contents(path):
    files = (f for f in sorted(path.rglob("*")) if f.is_file())
    return {str(f.relative_to(path)): digest_file(f) for f in files}

n = 1
while True:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(before, folder)
    with tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as count:
        child = os.fork()
        if not child:
            os.dup2(err.fileno(), 2)
            shim.fault_arm(folder.encode(), ctypes.c_long(n), ctypes.c_long(int(error)))
            code = 0
            try:
                main([*arguments, "-q"])
            except SystemExit as ended:
                code = ended.code or 0
            except BaseException as failure:
                print("traceback", repr(failure), file=sys.stderr, flush=True)
                code = 99
            calls = shim.fault_calls()
            shim.fault_arm(b"", ctypes.c_long(0), ctypes.c_long(0))
            count.write(str(calls).encode())
            count.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        err.seek(0), count.seek(0)
        calls = int(count.read() or -1)
        print(json.dumps([n, code, calls, err.read().decode(), contents(Path(folder))]), flush=True)
    if 0 <= calls < n:
        break
    n += int(step)
"""


@pytest.fixture(scope="session")
def shim(tmp_path_factory) -> Path:
    compiler = shutil.which("cc")
    if sys.platform != "linux" or not compiler:
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("shim") / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


@pytest.fixture
def faults(shim, tmp_path):
    """Run a command with each of its calls failing; return the lines of DRIVER."""

    def faults(before: Path, *arguments: object, step: int = 1, error: int = 28) -> list[list]:
        folder = tmp_path / "out"
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, str(folder), str(before), str(step), str(error)]
            + [str(argument).replace("OUT", str(folder)) for argument in arguments],
            env=os.environ | {"LD_PRELOAD": str(shim)},
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return faults


def check(outcomes: list[list], before: Path) -> None:
    """Assert that every failure is one line and exit code 1, and that the old or new files stay."""
    *failed, succeeded = outcomes
    assert succeeded[1] == 0, succeeded
    old = contents(before)
    for n, code, calls, err, found in failed:
        assert calls >= n or code == 1, (n, code, calls, err)
        assert (code, err.count("\n")) == (1, 1), (n, code, err)
        assert err.startswith("barcodeembed: error: "), (n, err)
        assert found in (old, succeeded[4]), (n, err, set(found) ^ set(old))


def contents(folder: Path) -> dict[str, str]:
    from barcodeembed.bundles.manifest import digest_file

    files = (f for f in sorted(folder.rglob("*")) if f.is_file())
    return {str(f.relative_to(folder)): digest_file(f) for f in files}


@pytest.fixture(scope="session")
def before(tmp_path_factory, index_bundle, model_bundle) -> Path:
    """Return a folder with an older version of every output."""
    folder = tmp_path_factory.mktemp("before")
    shutil.copytree(index_bundle, folder / "some.bix")
    shutil.copytree(model_bundle, folder / "model")
    return folder


STEPS = [pytest.param(9, id="every 9th"), pytest.param(1, id="all", marks=pytest.mark.slow)]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [28, 5], ids=["full", "broken"])
def test_a_subset_of_an_index(step, error, faults, before, index_bundle):
    taxon = ("--taxon", "Coleoptera")
    arguments = ("index", "subset", index_bundle, *taxon, "-o", "OUT/some.bix")
    check(faults(before, *arguments, step=step, error=error), before)


@pytest.mark.parametrize("step", STEPS)
def test_a_converted_model(step, faults, before, model_bundle):
    arguments = ("convert", model_bundle, "--weights", "bf16", "-o", "OUT/model")
    check(faults(before, *arguments, step=step), before)
