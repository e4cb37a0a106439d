"""Commands whose N-th call fails that writes, maps a file, or asks for memory.

Nothing is broken with exit code 0. The failing calls are those of the C library, so SQLite, NumPy,
torch and safetensors fail too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import REPOSITORY, run_here

FULL, BROKEN, NO_MEMORY = 28, 5, 12  # errno: a full disk, one that fails, and no memory
WRITES, MAPS, MEMORY = range(3)  # kinds of calls

#: One call fails, with an error, or all from then on: a disk that stays full.
FAILURES = [FULL, BROKEN, -FULL]

SOURCE = Path(__file__).with_name("faults.c")

#: Runs each command in a child process without a failure, and then with a failure of each N-th
#: call, of all calls or of a number of them; a negative error stays from then on. Prints as JSON:
#: the number of the command, N, the exit code, standard error, and what is in the folder.
DRIVER = """
import ctypes, importlib, json, os, pickle, shutil, sys, tempfile
from pathlib import Path
import faiss, torch, pyarrow.parquet, pyfastx, scipy.optimize, safetensors.torch  # loaded once
from barcodeembed.bundles.manifest import digest_file
from barcodeembed.cli import main
from barcodeembed.index import build

shim = ctypes.CDLL(None)
folder, before, kind, where, most, error, *commands = sys.argv[1:]
fitted = []

def fit_once(*arguments, fit=build.fit_index, **options):
    if not fitted:
        fitted.append(fit(*arguments, **options))
    return fitted[0]

if kind == "0":  # fitting writes nothing, and takes most of the time
    build.fit_index = fit_once

def arm(where, n, error):
    numbers = (int(kind), n if error > 0 else -n, abs(error))
    which, n, error = map(ctypes.c_long, numbers)
    shim.fault_arm(which, where.encode(), n, error)

def contents(path):
    files = (f for f in sorted(path.rglob("*")) if f.is_file())
    return {str(f.relative_to(path)): digest_file(f) for f in files}

def run(number, arguments, n):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(before, folder)
    with tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as rest:
        child = os.fork()
        if not child:
            os.dup2(err.fileno(), 2)
            arm(where, n, int(error))
            code = 0
            try:
                main([*arguments, "-q"])
            except SystemExit as ended:
                code = ended.code or 0
            except BaseException as failure:
                print("traceback", repr(failure), file=sys.stderr, flush=True)
                code = 99
            calls = shim.fault_calls()
            arm("", 0, 0)
            if not n:
                pickle.dump((calls, [*sys.modules], fitted), rest)
                rest.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        err.seek(0), rest.seek(0)
        found = [number, n, code, err.read().decode(), contents(Path(folder))]
        print(json.dumps(found), flush=True)
        return None if n else pickle.load(rest)

for number, command in enumerate(commands):
    fitted.clear()
    calls, modules, fitted[:] = run(number, command.split(), 0)
    for name in modules:  # what the command imports, so that the next children need not
        try:
            importlib.import_module(name)
        except ImportError:
            pass  # a module that was made, not imported
    tried = min(int(most) or calls, calls)
    for n in sorted({round((i + 0.5) * calls / tried + 0.5) for i in range(tried)}):
        run(number, command.split(), n)
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
def faults(shim, tmp_path, before):
    """Run commands with their calls failing; return the lines of DRIVER, for each command."""

    def faults(
        commands: Sequence[str], count: int, error: int = FULL, kind: int = WRITES
    ) -> list[list[list]]:
        folder = tmp_path / "out"
        where = folder if kind == WRITES else before.parent
        numbers = map(str, (count, error))
        filled = [c.replace("OUT", str(folder)).replace("IN", str(before.parent)) for c in commands]
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, folder, before, str(kind), where, *numbers, *filled],
            env=os.environ | {"LD_PRELOAD": str(shim)},
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
        )
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [[rest for n, *rest in lines if n == number] for number in range(len(commands))]

    return faults


#: Files that belong to another one, and are absent rather than next to another version of it.
SECOND = {"names.hits.tsv", "v.npy.ids.tsv"}


def check(outcomes: list[list], old: dict[str, str]) -> None:
    """Assert that every failure is one line and exit code 1, and that the old or new files stay.

    Exit code 0 is right where all is complete: SQLite tries some calls again. What --resume keeps
    stays, too.
    """
    succeeded, *failed = outcomes
    assert succeeded[1] == 0, succeeded
    new = succeeded[3]
    assert new != old and failed
    for n, code, err, files in failed:
        found = {name: digest for name, digest in files.items() if ".part/" not in name}
        if (code, files) == (0, new):
            continue
        assert code == 1, (n, code, err)
        lines = [line for line in err.splitlines() if "warning: " not in line]
        assert len(lines) == 1 and lines[0].startswith("barcodeembed: error: "), (n, err)
        states = (
            {name: digest for name, digest in files.items() if name in found or name not in SECOND}
            for files in (old, new)
        )
        assert found in states, (n, err, set(found) ^ set(old))


def contents(folder: Path) -> dict[str, str]:
    from barcodeembed.bundles.manifest import digest_file

    files = (f for f in sorted(folder.rglob("*")) if f.is_file())
    return {str(f.relative_to(folder)): digest_file(f) for f in files}


BARCODES = [
    ("a", "Apis", "Apis_mellifera", "ACGTTGCATCAG" * 10),
    ("b", "Bombus", "Bombus_terrestris", "GGATTCAACTCA" * 10),
    ("c", "Bombus", "Bombus_lucorum", "CATTGGACCTAA" * 10),
]


@pytest.fixture(scope="session")
def before(tmp_path_factory, model_bundle) -> Path:
    """Return a folder with an older version of every output, next to what the commands read."""
    folder = tmp_path_factory.mktemp("faults")
    for name, barcodes in (("two", BARCODES[:2]), ("third", BARCODES[2:])):
        (folder / f"{name}.fa").write_text(
            "".join(f">{i};tax=g:{genus},s:{s};\n{bases}\n" for i, genus, s, bases in barcodes)
        )
        command = ("index", "build", folder / f"{name}.fa", "-m", model_bundle, "-q")
        assert run_here(*command, "-o", folder / f"{name}.bix") == 0
    shutil.copytree(model_bundle, folder / "model")
    reads, names = folder / "third.fa", folder / "names.tsv"
    assert run_here("classify", reads, "-i", folder / "two.bix", "-o", names, "-q") == 0
    before = folder / "before"
    before.mkdir()
    shutil.copytree(folder / "third.bix", before / "some.bix")
    shutil.copytree(model_bundle, before / "model")
    for name in ("v.npy", "v.npz", "v.parquet", "v.tsv.gz", "names.tsv", "krona.xml", "audit.tsv"):
        (before / name).write_text("old")
    for name in (*SECOND, "figures.md", "figures.json"):
        (before / name).write_text("old")
    return before


COMMANDS = {
    "index build": "index build IN/two.fa -m IN/model -o OUT/some.bix",
    "index add": "index add IN/two.bix IN/third.fa -o OUT/some.bix",
    "index merge": "index merge IN/two.bix IN/third.bix -o OUT/some.bix",
    "index subset": "index subset IN/two.bix --taxon Apis -o OUT/some.bix",
    "index audit": "index audit IN/two.bix -o OUT/audit.tsv",
    "convert": "convert IN/model --weights bf16 -o OUT/model",
    "embed npy": "embed IN/third.fa -m IN/model -o OUT/v.npy",
    "embed npz": "embed IN/third.fa -m IN/model -o OUT/v.npz",
    "embed parquet": "embed IN/third.fa -m IN/model -o OUT/v.parquet",
    "embed tsv": "embed IN/third.fa -m IN/model -o OUT/v.tsv.gz",
    "classify": "classify IN/third.fa -i IN/two.bix -o OUT/names.tsv --hits OUT/names.hits.tsv",
    "classify resumed": "classify IN/third.fa -i IN/two.bix -o OUT/names.tsv --resume",
    "embed resumed": "embed IN/third.fa -m IN/model -o OUT/v.npy --resume",
    "report": "report IN/names.tsv --to krona -o OUT/krona.xml",
}


def test_commands_survive_the_failure_of_some_calls(faults, before):
    commands = [COMMANDS[name] for name in ("index build", "classify")]
    for outcomes in faults(commands, 2):
        check(outcomes, contents(before))


@pytest.mark.slow
@pytest.mark.parametrize("error", FAILURES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_survives_the_failure_of_any_call(command, error, faults, before):
    check(*faults([COMMANDS[command]], 0, error), contents(before))


PRETRAIN = (
    "pretrain IN/two.fa -o OUT/new --preset tiny --batch-size 2 --steps 4 --checkpoint-every 2 "
    "--precision fp32 --device cpu"
)


EVALUATE = (
    "evaluate IN/two.bix --queries IN/third.fa --against none -o OUT/figures.md "
    "--json OUT/figures.json"
)


@pytest.mark.slow
@pytest.mark.parametrize("error", FAILURES)
def test_an_evaluation_survives_the_failure_of_any_call(error, faults, before):
    """The figures contain times, so that two runs differ: only old and new are compared."""
    old = contents(before)
    ((succeeded, *failed),) = faults([EVALUATE], 0, error)
    assert succeeded[1] == 0 and failed, succeeded
    tables, figures = "figures.md", "figures.json"
    for n, code, err, found in failed:
        if code == 0:
            assert {tables, figures} <= set(found)
            continue
        lines = [line for line in err.splitlines() if "warning: " not in line]
        assert (code, len(lines)) == (1, 1) and lines[0].startswith("barcodeembed: error: "), err
        renewed = found.get(tables) != old[tables]
        # The second file is missing, or belongs to the first.
        assert figures not in found or (found[figures] != old[figures]) == renewed, (n, err)
        rest = {tables, figures}
        assert {k: v for k, v in found.items() if k not in rest} == {
            k: v for k, v in old.items() if k not in rest
        }


def check_memory(outcomes: list[list], old: dict[str, str], *, same: bool = True) -> int:
    """Assert that a lack of memory is one line, and that the old or the new files stay.

    Return how often the process crashed: oneDNN, the library of torch for matrix products, does not
    look whether it got memory. The outputs are the old ones then, too.
    """
    succeeded, *failed = outcomes
    assert succeeded[1] == 0, succeeded
    new, crashes = succeeded[3], 0
    for n, code, err, found in failed:
        if code == 0:  # what asked for memory can do without it
            assert found == new if same else set(found) == set(new), (n, err)
            continue
        if code < 0:  # as after kill -9, files with hidden names stay
            shown = {name: digest for name, digest in found.items() if not name.startswith(".")}
            assert shown == old, (n, code)
            crashes += 1
            continue
        assert found == old, (n, code, err)
        lines = [line for line in err.splitlines() if "warning: " not in line]
        assert (code, len(lines)) == (1, 1), (n, code, err)
        assert lines[0].startswith("barcodeembed: error: out of memory"), (n, err)
        assert "--batch-size" in lines[0]
    return crashes


def test_commands_survive_a_lack_of_memory(faults, before):
    (outcomes,) = faults([COMMANDS["embed npy"]], 2, NO_MEMORY, MEMORY)
    check_memory(outcomes, contents(before))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [MAPS, MEMORY])
@pytest.mark.parametrize("command", ["index build", "embed npy", "classify", "evaluate"])
def test_a_command_without_memory_ends_with_one_line(command, kind, faults, before):
    """Each file that is mapped, and 40 of the requests for 64 kB or more, are refused."""
    words = EVALUATE if command == "evaluate" else COMMANDS[command]
    (outcomes,) = faults([words], 40, NO_MEMORY, kind)
    crashes = check_memory(outcomes, contents(before), same=command != "evaluate")
    assert kind == MEMORY or not crashes
    assert len(outcomes) > 20 or kind == MAPS
    print(f"{command}, {('', 'maps', 'memory')[kind]}: {len(outcomes) - 1}, {crashes} crashes")


@pytest.mark.slow
@pytest.mark.parametrize("error", FAILURES)
def test_pretraining_survives_the_failure_of_any_call(error, faults):
    """Every bundle that is there is complete: it has all files of an unbroken run."""
    ((succeeded, *failed),) = faults([PRETRAIN], 0, error)
    assert succeeded[1] == 0, succeeded
    for n, code, err, found in failed:
        lines = [line for line in err.splitlines() if "warning: " not in line]
        assert (code, len(lines)) == (1, 1), (n, code, err)
        assert lines[0].startswith("barcodeembed: error: "), (n, err)
        assert not [name for name in found if "/." in name], (n, err, set(found))
        bundles = {str(Path(name).parent) for name in found if name.endswith("manifest.json")}
        for name in succeeded[3]:
            assert str(Path(name).parent) not in bundles or name in found, (n, err, name)
