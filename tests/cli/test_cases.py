"""The list of cases of docs/reliability-cases.md, and the cases that have no better place.

``python tests/cli/test_cases.py`` writes the page.
"""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from Bio.Seq import reverse_complement
from odd_files import CASES as FILES
from reliability_cases import CASES, GROUPS
from support import REPOSITORY, SIMULATED, rows_of

from barcodeembed.bundles.manifest import MANIFEST, digest_file
from barcodeembed.sequences.reading import read_records

PAGE = REPOSITORY / "docs" / "reliability-cases.md"
_LIST = "<!-- the list -->\n"


def page_of_cases(page: str) -> str:
    """Return the page with its list written again."""
    lines = []
    for title, cases in GROUPS.items():
        lines += [f"## {title}\n", "| | input or fault | what happens |", "| ---: | --- | --- |"]
        lines += [f"| {case.number} | {case.what} | {case.result} |" for case in cases] + [""]
    return page[: page.index(_LIST) + len(_LIST)] + "\n" + "\n".join(lines)


def test_the_page_lists_the_cases():
    page = PAGE.read_text()
    assert page_of_cases(page) == page, "run: python tests/cli/test_cases.py"


def test_all_110_cases_are_listed_once():
    assert [case.number for case in CASES] == list(range(1, 111))
    assert all(case.tests for case in CASES)


def test_the_tests_of_all_cases_exist():
    names, tests, used = {file.name for file in FILES}, all_tests(), set()
    for case in CASES:
        for test in case.tests.split():
            if "::" in test:
                assert test in tests, case
            else:
                assert test in names, case
                used.add(test)
    assert names == used, "a file of odd_files is in no case"


def all_tests() -> set[str]:
    paths = (REPOSITORY / "tests").rglob("test_*.py")
    return {
        f"{path.stem}::{part.name}"
        for path in paths
        for part in ast.parse(path.read_text()).body
        if isinstance(part, ast.FunctionDef) and part.name.startswith("test_")
    }


@pytest.fixture
def read() -> str:
    """Return the bases of a simulated read."""
    return (SIMULATED / "reads.fasta").read_text().split("\n")[1]


def test_a_palindrome_is_on_the_forward_strand(read, call, index_bundle, tmp_path):
    (tmp_path / "reads.fa").write_text(f">p\n{read + reverse_complement(read)}\n")
    result = call("classify", tmp_path / "reads.fa", "-i", index_bundle)
    assert result.code == 0
    assert [row["strand"] for row in rows_of(result.out)] == ["+"]


@pytest.mark.parametrize("change", ["missing", "unexpected"])
def test_a_missing_or_unexpected_tensor_is_named(change, model_bundle, call, tmp_path):
    from safetensors.numpy import load_file, save_file

    model = Path(shutil.copytree(model_bundle, tmp_path / "model"))
    tensors = load_file(model / "model.safetensors")
    name = sorted(tensors)[0]
    if change == "missing":
        del tensors[name]
    else:
        name = "more.weight"
        tensors[name] = np.zeros(3, np.float32)
    save_file(tensors, model / "model.safetensors")
    sign(model, "model.safetensors")
    result = call("embed", SIMULATED / "reads.fasta", "-m", model)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert f"{model}/model.safetensors: " in result.err and name in result.err


def sign(bundle: Path, name: str) -> None:
    """Write the size and the checksum of a file into the manifest of its bundle."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    path = bundle / name
    manifest["files"][name] = {"bytes": path.stat().st_size, "sha256": digest_file(path)}
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def test_an_array_of_another_byte_order_is_refused(index_bundle, call, tmp_path):
    index = Path(shutil.copytree(index_bundle, tmp_path / "some.bix"))
    vectors = np.load(index / "vectors.npy")
    np.save(index / "vectors.npy", vectors.astype(">f4"))
    sign(index, "vectors.npy")
    result = call("classify", SIMULATED / "reads.fasta", "-i", index)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "vectors.npy: " in result.err and "an array of type >f4" in result.err


@pytest.mark.parametrize("value", [float("nan"), 0.0])
def test_a_vector_without_a_value_is_a_row(value, read, model_bundle, call, tmp_path, monkeypatch):
    from barcodeembed.embedding.embedder import Embedder

    encode = Embedder.encode

    def damaged(embedder, sequences):
        vectors = encode(embedder, sequences)
        vectors[1:2] = value
        return vectors

    monkeypatch.setattr(Embedder, "encode", damaged)
    (tmp_path / "reads.fa").write_text(f">a\n{read}\n>b\n{read[:-9]}\n>c\n{read[9:]}\n")
    result = call("embed", tmp_path / "reads.fa", "-m", model_bundle, "--normalize")
    assert result.code == 0
    flags = {row["record_id"]: row["flags"] for row in rows_of(result.out)}
    assert flags == {"a": "NA", "b": "no_vector", "c": "NA"}
    assert {row["d1"] for row in rows_of(result.out) if row["flags"] == "no_vector"} == {"NA"}


def test_a_device_that_is_absent_is_an_error(model_bundle, call):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    words = ("embed", SIMULATED / "reads.fasta", "-m", model_bundle, "--device")
    result = call(*words, "cuda")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "--device cuda: not available on this machine; use --device auto" in result.err
    assert call(*words, "auto").code == 0


def test_bf16_is_used_only_where_it_is_native_and_pays(monkeypatch):
    import torch

    from barcodeembed.model import devices
    from barcodeembed.model.devices import choose_precision

    def processor(native, matrices, amd):
        for name, value in (("avx512_bf16", native), ("amx_tile", matrices)):
            name = f"_is_{name}_supported"
            monkeypatch.setattr(torch.cpu, name, lambda value=value: value, raising=False)
        monkeypatch.setattr(devices, "_is_amd", lambda: amd)

    cpu, mps = torch.device("cpu"), torch.device("mps")
    for native, matrices, amd, expected in (
        (True, True, False, "bf16"),  # Intel with AMX
        (True, False, False, "fp32"),  # Intel without it
        (True, False, True, "bf16"),
        (False, False, True, "fp32"),
    ):
        processor(native, matrices, amd)
        assert choose_precision("auto", cpu) == expected
    assert choose_precision("auto", mps) == "fp32"
    assert choose_precision("bf16", mps) == "bf16"


def test_an_input_that_is_deleted_is_read_to_its_end(tmp_path):
    path = tmp_path / "reads.fa"
    path.write_text("".join(f">r{i}\n{'ACGTTGCA' * 40}\n" for i in range(3_000)))
    records = read_records(path)
    first = next(records)
    path.unlink()
    assert [first.id, *(record.id for record in records)] == [f"r{i}" for i in range(3_000)]


if __name__ == "__main__":
    PAGE.write_text(page_of_cases(PAGE.read_text()))
