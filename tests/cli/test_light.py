"""Commands load pandas and pyarrow only where they use them: both take seconds on a slow disk."""

from __future__ import annotations

import subprocess
import sys

from support import SIMULATED

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
