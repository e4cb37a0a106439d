"""Damaged bundles: an error names the bundle, or the damage has no effect."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path

import pytest
from support import SIMULATED, files_in, run_here

from barcodeembed.bundles.manifest import digest_file
from barcodeembed.errors import BundleError
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.model.bundle import load_model

MODEL_FILES = ["config.json", "manifest.json", "model.safetensors"]
INDEX_FILES = [
    "calibration.json",
    "config.json",
    *(f"kmers/{name}.npy" for name in ("hashes", "rows", "starts")),
    "lineages.tsv",
    "manifest.json",
    "orientation.npy",
    "records.tsv",
    "references.fasta",
    "references.fasta.fxi",
    "vectors.npy",
    "whitening.npz",
    *(f"model/{name}" for name in MODEL_FILES),
]


@pytest.fixture
def model(model_bundle, tmp_path) -> Path:
    """Return a copy of the model bundle for one test."""
    return Path(shutil.copytree(model_bundle, tmp_path / "model"))


@pytest.fixture
def index(index_bundle, tmp_path) -> Path:
    """Return a copy of the index bundle for one test."""
    return Path(shutil.copytree(index_bundle, tmp_path / "references.bix"))


@pytest.fixture(scope="session")
def read(tmp_path_factory) -> Path:
    """Return a file with one read to classify."""
    path = tmp_path_factory.mktemp("read") / "read.fa"
    path.write_text("\n".join((SIMULATED / "reads.fasta").read_text().split("\n")[:2]) + "\n")
    return path


@pytest.fixture
def expected(call, index_bundle, read) -> str:
    return call("classify", read, "-i", index_bundle, "-q").out


def test_bundles_contain_the_files_tested_here(model_bundle, index_bundle):
    for bundle, names in ((model_bundle, MODEL_FILES), (index_bundle, INDEX_FILES)):
        found = {str(f.relative_to(bundle)) for f in files_in(bundle) if f.is_file()}
        assert found == set(names)


def mutations(content: bytes, count: int, seed: str) -> list[bytes]:
    """Change, delete, repeat and insert bytes at random positions, the same in every run."""
    rng = random.Random(seed)
    changed = []
    for _ in range(count):
        at, byte = rng.randrange(len(content)), rng.randbytes(1)
        kind = rng.choice(["change", "change", "drop", "insert", "repeat"])
        cut = {"change": at + 1, "drop": at + rng.randint(1, 8)}.get(kind, at)
        middle = {"drop": b"", "repeat": content[at : at + 8]}.get(kind, byte)
        changed.append(content[:at] + middle + content[cut:])
    return [mutant for mutant in changed if mutant != content]


def refused(result, path: Path) -> None:
    """Assert that a command fails with one line that names the path or its bundle."""
    assert result.code == 1, result
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert result.err.startswith("barcodeembed: error: ")
    assert str(path) in result.err or f"{path.parent}: " in result.err


@pytest.mark.parametrize("name", INDEX_FILES)
def test_a_changed_byte_of_an_index_is_an_error_or_has_no_effect(name, index, read, expected, call):
    content = (index / name).read_bytes()
    count = 24 if name.endswith("manifest.json") else 12
    for mutant in mutations(content, count, name):
        (index / name).write_bytes(mutant)
        result = call("classify", read, "-i", index, "-q")
        if name != "manifest.json":
            refused(result, index / name)
        elif result.code:
            refused(result, index)  # names the file for which the manifest is wrong
        else:
            # The manifest has no checksum: a change of ``made_by`` is not detected.
            assert result.out == expected


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_changed_byte_of_a_model_is_an_error_or_has_no_effect(name, model, model_bundle):
    content = (model / name).read_bytes()
    identity = load_model(model_bundle).fingerprint
    for mutant in mutations(content, 60 if name == "manifest.json" else 12, name):
        (model / name).write_bytes(mutant)
        try:
            assert load_model(model).fingerprint == identity
            assert name == "manifest.json"
        except BundleError as error:
            assert str(model) in str(error)


@pytest.mark.parametrize("name", INDEX_FILES)
@pytest.mark.parametrize(
    "damage, problem",
    [
        ("missing", "missing; the bundle is incomplete|has no manifest.json"),
        ("empty", "damaged|cannot be read as JSON"),
        ("truncated", "damaged|cannot be read as JSON"),
        ("longer", "damaged|cannot be read as JSON"),
        ("replaced", "damaged|cannot be read as JSON"),
    ],
)
def test_a_damaged_file_is_named(name, damage, problem, index, read, call):
    path = index / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(
            {
                "empty": b"",
                "truncated": content[: len(content) // 2],
                "longer": content + b"0000",
                "replaced": b"<!DOCTYPE html><html>404 Not Found</html>\n",
            }[damage]
        )
    result = call("classify", read, "-i", index)
    refused(result, path)
    assert re.search(problem, result.err)
    if name.startswith("model/"):
        with pytest.raises(BundleError, match=problem):
            load_model(index / "model")


def edit(path: Path, **changes) -> None:
    """Change values in the manifest of a bundle; None removes a value."""
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


@pytest.mark.parametrize("bundle", ["model", "index"])
@pytest.mark.parametrize(
    "changes, problem",
    [
        (
            {"format_version": 9, "made_by": "barcodeembed 9.1"},
            r"format 9 is newer than this version can read \([17]\).*made by barcodeembed 9.1",
        ),
        ({"format_version": None}, "format None"),
        ({"kind": "sonnet"}, "is a sonnet, not an? (model|index)"),
        ({"kind": None}, "not an? (model|index)"),
        ({"files": None}, "it is not a manifest"),
        ({"files": []}, "it is not a manifest"),
        ({"files": {"absent": {"bytes": 1, "sha256": "0"}}}, "absent: missing"),
        ({"files": {"config.json": 3}}, "config.json: the manifest has no size"),
    ],
)
def test_an_inconsistent_manifest_is_an_error(bundle, changes, problem, request, call):
    path = request.getfixturevalue(bundle)
    edit(path / "manifest.json", **changes)
    with pytest.raises(BundleError, match=problem):
        load_model(path) if bundle == "model" else ReferenceIndex.open(path)
    described = call("info", path)
    assert (described.code, described.out) == (1, "")
    assert described.err.count("\n") == 1


@pytest.mark.parametrize("content", ["[]", "3", "null", "{", "", '{"kind": "model"}', "\xff"])
def test_a_file_that_is_not_a_manifest_is_an_error(content, index, call, read):
    (index / "manifest.json").write_text(content, encoding="latin-1")
    for arguments in (("info", index), ("classify", read, "-i", index)):
        refused(call(*arguments), index / "manifest.json")


@pytest.mark.parametrize("command", ["info", "classify", "embed", "build"])
def test_a_path_that_is_not_a_bundle_is_an_error(command, call, read, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for name in ("missing", "file", "folder"):
        path = tmp_path / name
        words = {
            "info": ("info", path),
            "classify": ("classify", read, "-i", path),
            "embed": ("embed", read, "-m", path),
            "build": ("index", "build", read, "-m", path, "-o", tmp_path / "new.bix"),
        }[command]
        refused(call(*words), path)


def test_an_index_is_not_accepted_as_a_model_or_a_model_as_an_index(
    index_bundle, model_bundle, read, call
):
    result = call("classify", read, "-i", model_bundle)
    assert (result.code, "is a model, not an index" in result.err) == (1, True)
    result = call("embed", read, "-m", index_bundle)
    assert (result.code, "is an index, not a model" in result.err) == (1, True)


def test_another_model_is_an_error_with_both_fingerprints(
    index_bundle, model_bundle, read, call, tmp_path
):
    import torch

    from barcodeembed.model.bundle import save_model
    from barcodeembed.model.encoder import Encoder

    torch.manual_seed(1)
    save_model(tmp_path / "other", Encoder(load_model(model_bundle).config), {})
    result = call("classify", read, "-i", index_bundle, "-m", tmp_path / "other")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    for bundle in (model_bundle, tmp_path / "other"):
        assert load_model(bundle).fingerprint in result.err
    same = call("classify", read, "-i", index_bundle, "-m", model_bundle)
    assert same.code == 0


def test_no_verify_skips_the_checksums(index, read, expected, call):
    """Changes that do not affect the result are then accepted."""
    path = index / "references.fasta.fxi"
    manifest = json.loads((index / "manifest.json").read_text())
    assert manifest["files"][path.name]["sha256"] == digest_file(path)
    manifest["files"][path.name]["sha256"] = "0" * 64
    (index / "manifest.json").write_text(json.dumps(manifest))
    refused(call("classify", read, "-i", index), path)
    assert call("classify", read, "-i", index, "--no-verify", "-q").out == expected


def test_a_bundle_can_be_moved_and_copied(index, read, expected, call, tmp_path):
    moved = index.rename(tmp_path / "größe & space.bix")
    assert call("classify", read, "-i", moved, "-q").out == expected


def test_the_same_references_in_any_order_give_the_same_bundle(
    small_samples, model_bundle, tmp_path
):
    records = (SIMULATED / "reference.fasta").read_text().split(">")[1::8]
    for name in ("sorted", "shuffled"):
        path = tmp_path / f"{name}.fasta"
        path.write_text("".join(f">{record}" for record in records))
        words = (path, "-m", model_bundle, "-o", tmp_path / f"{name}.bix", "-q")
        assert run_here("index", "build", *words) == 0
        random.Random(1).shuffle(records)
    for name in INDEX_FILES:
        one, other = (tmp_path / f"{order}.bix" / name for order in ("sorted", "shuffled"))
        assert one.read_bytes() == other.read_bytes()
