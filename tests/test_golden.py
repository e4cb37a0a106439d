"""Golden outputs: results that must not change unless a change is intended to change them.

``python tests/test_golden.py`` writes the files in ``tests/golden`` again after an intended change,
which must be recorded in the changelog.

The last bits of floating-point sums differ between processors and versions of torch. So bytes are
compared only on the platform on which the files were written (``platform`` in ``golden.json``). On
other platforms the tables are compared cell by cell, numbers to within 0.005 or 0.1 %, and
checksums are skipped. Trained models are compared only on a processor of the same vendor.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import SHARED, SIMULATED, run_here

MINI = SHARED / "data" / "coi" / "mini"
GOLDEN = Path(__file__).parent / "golden"

#: Simulated sequences with the positions of COI: whole, in parts, with errors, N and primers.
COI_LIKE = GOLDEN / "coi_like.fasta"

#: Tables that are stored completely; of other files only the checksum is stored.
TABLES = ("shipped.tsv", "simulated.tsv", "simulated-calibration.json")

#: The files of an index bundle that must not change, without the index of pyfastx.
INDEX_FILES = (
    "vectors.npy",
    "references.fasta",
    "records.tsv",
    "lineages.tsv",
    "calibration.json",
    "orientation.npy",
)


def run(*words: object) -> None:
    """Run the command line. The golden files do not depend on the Python API."""
    assert run_here(*words, "-q") == 0


def make_simulated(out: Path) -> None:
    """Run every command whose results must not change, on the data in the repository."""
    reads = SIMULATED / "reads.fasta"
    index = out / "simulated.bix"
    run(
        "classify",
        COI_LIKE,
        "-o",
        out / "shipped.tsv",
        "--hits",
        out / "shipped-hits.tsv",
        "--check-chimeras",
        "--cluster-novel",
    )
    run("embed", reads, "-o", out / "embedded.npy")
    run("index", "build", SIMULATED / "reference.fasta", "-o", index)
    run(
        "classify",
        reads,
        "-i",
        index,
        "-o",
        out / "simulated.tsv",
        "--hits",
        out / "simulated-hits.tsv",
        "--check-chimeras",
        "--cluster-novel",
    )
    run("classify", reads, "-i", index, "-o", out / "simulated-bound.tsv", "--max-error", "0.05")
    run(
        "index",
        "build",
        SIMULATED / "reference.fasta",
        "-o",
        out / "prototypes.bix",
        "--prototypes",
        "species",
    )
    run("classify", reads, "-i", out / "prototypes.bix", "-o", out / "prototypes.tsv")
    shutil.copy(index / "calibration.json", out / "simulated-calibration.json")
    for objective in ("maelm", "mlm", "taxonomy+contrastive:0.1"):
        run(
            "pretrain",
            SIMULATED / "reference.fasta",
            "-o",
            out / f"{objective}.model",
            "--preset",
            "tiny",
            "--steps",
            20,
            "--objective",
            objective,
            "--precision",
            "fp32",
            "-t",
            1,
        )


def make_mini(out: Path) -> None:
    """Index a few thousand real barcodes, and classify the queries that belong to them."""
    index = out / "mini.bix"
    run("index", "build", MINI / "reference.tsv.gz", "-o", index)
    for kind in ("val_seen", "val_unseen_species", "val_unseen_genus"):
        run("classify", MINI / f"{kind}.tsv.gz", "-i", index, "-o", out / f"mini-{kind}.tsv")
        run("embed", MINI / f"{kind}.tsv.gz", "-o", out / f"mini-{kind}.npy")


def checksums(out: Path) -> dict[str, str]:
    """Return the SHA-256 of every golden file below ``out``, by its path."""
    kept = [path for path in out.glob("*") if path.suffix in (".tsv", ".npy", ".json")]
    for index in out.glob("*.bix"):
        kept += [index / name for name in INDEX_FILES if (index / name).exists()]
        kept += list(index.glob("prototypes.*"))
    kept += out.glob("*.model/model.safetensors")
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(kept)
    }


def this_platform() -> dict[str, str]:
    """Return the properties of the platform that the last bits of a result depend on."""
    import numpy
    import torch

    return {
        "machine": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__.partition("+")[0],
        "numpy": numpy.__version__,
    }


@pytest.fixture(scope="module")
def golden() -> dict:
    return json.loads((GOLDEN / "golden.json").read_text())


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("simulated")
    make_simulated(out)
    return out


def cells(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from re.split("[\t,:]", line)


def is_close(one: str, other: str) -> bool:
    try:
        return math.isclose(float(one), float(other), rel_tol=0.001, abs_tol=0.005)
    except ValueError:
        return one == other


@pytest.mark.parametrize("name", TABLES)
def test_tables_equal_the_golden_files(name, golden, simulated):
    found, expected = (simulated / name).read_text(), (GOLDEN / name).read_text()
    if this_platform() == golden["platform"]:
        assert found == expected
    else:
        pairs = list(zip(cells(found), cells(expected), strict=True))
        assert sum(is_close(*pair) for pair in pairs) >= 0.99 * len(pairs)


def test_checksums_of_simulated_data(golden, simulated):
    skip_elsewhere(golden)
    found, expected = checksums(simulated), golden["simulated"]
    if vendor() != golden["vendor"]:
        models = [name for name in expected if name.endswith("model.safetensors")]
        found, expected = ({**sums, **dict.fromkeys(models)} for sums in (found, expected))
    assert found == expected


def test_the_shipped_bundles_have_the_golden_checksums(golden):
    assert shipped_checksums() == golden["shipped"]


@pytest.mark.slow
def test_checksums_of_real_barcodes(golden, tmp_path):
    skip_elsewhere(golden)
    if not MINI.is_dir():
        pytest.skip(f"the real COI barcodes are not at {MINI}")
    make_mini(tmp_path)
    assert checksums(tmp_path) == golden["mini"]


def vendor() -> str:
    """Return the vendor of the processor, on which the kernels of matrix products depend."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split()[-1] for line in lines if line.startswith("vendor_id")), "unknown")


def skip_elsewhere(golden: dict) -> None:
    if this_platform() != golden["platform"]:
        pytest.skip(f"the checksums are of {golden['platform']}, not of {this_platform()}")


def shipped_checksums() -> dict[str, str]:
    from barcodeembed.shipped import FOLDER

    return {
        str(path.relative_to(FOLDER)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted([*FOLDER.glob("*.*/*"), *FOLDER.glob("*.npz")])
    }


def write_golden() -> None:
    """Write the golden files."""
    with tempfile.TemporaryDirectory() as folder:
        simulated, mini = Path(folder, "simulated"), Path(folder, "mini")
        simulated.mkdir()
        mini.mkdir()
        make_simulated(simulated)
        make_mini(mini)
        for name in TABLES:
            shutil.copy(simulated / name, GOLDEN / name)
        values = {
            "platform": this_platform(),
            "vendor": vendor(),
            "shipped": shipped_checksums(),
            "simulated": checksums(simulated),
            "mini": checksums(mini),
        }
    (GOLDEN / "golden.json").write_text(json.dumps(values, indent=2) + "\n")


if __name__ == "__main__":
    write_golden()
