"""Commands load pandas and pyarrow only where they use them: both take seconds on a slow disk."""

from __future__ import annotations

import ast
import subprocess
import sys

from support import REPOSITORY, SIMULATED

SCRIPT = """
import sys
class Refuse:
    def find_spec(self, name, *rest):
        if name.split(".")[0] in {"pandas", "pyarrow", "sklearn", "rich"}: raise ImportError(name)
sys.meta_path.insert(0, Refuse())
from barcodeembed.cli import main
main(sys.argv[1:])
"""


def without_pandas(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that cannot import the large libraries."""
    arguments = [sys.executable, "-c", SCRIPT, *map(str, words)]
    return subprocess.run(arguments, capture_output=True, text=True)


def test_embed_classify_and_report(model_bundle, index_bundle, tmp_path):
    reads, names = SIMULATED / "reads.fasta", tmp_path / "names.tsv"
    for words in (
        ("embed", reads, "-m", model_bundle, "-o", tmp_path / "vectors.npy"),
        ("classify", reads, "-i", index_bundle, "-o", names),
        ("report", names, "--to", "html", "-o", tmp_path / "names.html"),
        ("info", index_bundle),
    ):
        done = without_pandas(*words)
        assert done.returncode == 0, done.stderr


def test_the_check_can_fail(model_bundle, tmp_path):
    reads = SIMULATED / "reads.fasta"
    done = without_pandas("embed", reads, "-m", model_bundle, "-o", tmp_path / "v.parquet")
    assert done.returncode != 0 and "pyarrow" in done.stderr


#: Modules of Python that Windows does not have.
POSIX = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}


def test_no_module_needs_posix_to_be_imported():
    """Functions may: on Windows, outputs are written without locks."""
    found = {
        path.name: names & POSIX
        for path in (REPOSITORY / "barcodeembed").rglob("*.py")
        for statement in ast.parse(path.read_text()).body
        if isinstance(statement, ast.Import | ast.ImportFrom)
        if (names := {getattr(statement, "module", None), *(n.name for n in statement.names)})
    }
    assert found and not any(found.values())


def test_outputs_are_written_where_the_system_has_no_locks(tmp_path, monkeypatch):
    from barcodeembed.bundles import locks

    monkeypatch.setattr(locks, "_SYSTEM_HAS_LOCKS", False)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with locks.locked(tmp_path / "names.tsv"), open(tmp_path / "rows", "ab") as stream:
        locks.lock_file(stream.fileno())
        assert [path.name for path in tmp_path.iterdir()] == ["rows"]
