"""Commands without --model and --index, with a random model in place of the shipped one.

The shipped bundles themselves are tested in test_shipped.py.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import SIMULATED, files_in, run_here, without_model

from barcodeembed import shipped
from barcodeembed.bundles.manifest import read_manifest
from barcodeembed.classify import markers
from barcodeembed.model.bundle import load_model, save_model
from barcodeembed.model.encoder import Encoder
from barcodeembed.sequences.marker_odds import learn_marker_odds, save_marker_odds
from barcodeembed.vocabulary import MARKERS

REFERENCES = SIMULATED / "reference.fasta"


@pytest.fixture
def box(model_bundle, index_bundle, tmp_path, monkeypatch) -> Iterator[Path]:
    """Make a folder in which the package finds its bundles."""
    folder = tmp_path / "shipped"
    shutil.copytree(model_bundle, folder / "coi.model")
    without_model(index_bundle, folder / "coi.bix", coverage="Insects of nowhere.")
    save_marker_odds(learn_marker_odds([], {}), folder / "markers.npz")
    markers._marker_odds.cache_clear()
    monkeypatch.setattr(shipped, "FOLDER", folder)
    yield folder
    markers._marker_odds.cache_clear()


def without_column(table: str) -> str:
    """Return a table without its last column, the marker."""
    lines = table.removesuffix("\n").split("\n")
    assert lines[0].endswith("\tmarker")
    return "".join(line.rpartition("\t")[0] + "\n" for line in lines)


@pytest.fixture(scope="module")
def other(model_bundle, small_samples, tmp_path_factory) -> tuple[Path, Path]:
    """Make another model, and an index with it."""
    import torch

    folder = tmp_path_factory.mktemp("other")
    torch.manual_seed(1)
    save_model(folder / "model", Encoder(load_model(model_bundle).config), {})
    words = ("index", "build", REFERENCES, "-m", folder / "model", "-o", folder / "other.bix")
    assert run_here(*words) == 0
    return folder / "model", folder / "other.bix"


@pytest.fixture
def reads(tmp_path) -> Path:
    """Write three reads; one of them is unclassifiable."""
    path = tmp_path / "reads.fa"
    lines = (SIMULATED / "reads.fasta").read_text().split("\n")
    path.write_text("\n".join(lines[:4]) + "\n>short\nACGT\n")
    return path


def test_embed_uses_the_shipped_model(box, reads, model_bundle, call):
    result = call("embed", reads)
    assert (result.code, result.out) == (0, call("embed", reads, "-m", model_bundle).out)


@pytest.mark.slow
def test_index_build_uses_the_shipped_model(box, index_bundle, call, tmp_path):
    assert call("index", "build", REFERENCES, "-o", tmp_path / "new.bix").code == 0
    for path in (p for p in files_in(index_bundle) if p.is_file()):
        made = tmp_path / "new.bix" / path.relative_to(index_bundle)
        assert made.read_bytes() == path.read_bytes()


def test_classify_uses_the_shipped_prototypes_and_says_so(box, reads, index_bundle, call):
    wanted = call("classify", reads, "-i", index_bundle)
    result = call("classify", reads)
    assert (result.code, without_column(result.out)) == (0, wanted.out)
    message, *rest = result.err.splitlines(keepends=True)
    assert message == (
        "no --index: using the prototypes that ship with barcodeembed, which contain 139 species, "
        f"38 genera, 5 orders of COI (and others of {', '.join(MARKERS[1:])}); a taxon that they "
        "lack is reported as novel\n"
    )
    assert rest.pop(0) == "--marker auto: 2 COI, 1 unclassifiable\n"
    assert "".join(rest) == wanted.err
    assert call("classify", reads, "-q") == (0, result.out, "")


def test_a_given_model_must_be_that_of_the_prototypes(box, reads, model_bundle, other, call):
    assert call("classify", reads, "-m", model_bundle, "-q").code == 0
    result = call("classify", reads, "-m", other[0])
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert load_model(other[0]).fingerprint in result.err


def test_an_index_without_a_model_uses_the_shipped_model(box, reads, index_bundle, call):
    wanted = call("classify", reads, "-i", index_bundle)
    assert call("classify", reads, "-i", box / "coi.bix") == wanted


def test_an_index_of_another_model_without_a_copy_is_an_error(
    box, reads, other, model_bundle, call, tmp_path
):
    model, index = other
    bare = without_model(index, tmp_path / "bare.bix")
    evaluate = ("evaluate", bare, "--queries", SIMULATED / "reads.tsv", "--against", "none")
    for words in (("classify", reads, "-i", bare), evaluate):
        result = call(*words)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert result.err.endswith("give --model\n")
        for bundle in (model, model_bundle):
            assert load_model(bundle).fingerprint in result.err
        assert call(*words, "-m", model, "-q").code == 0
    assert call("classify", reads, "-i", bare, "-m", model) == call("classify", reads, "-i", index)


def test_a_missing_model_is_an_error(reads, box, call):
    shutil.rmtree(box / "coi.model")
    for words in ((), ("-i", box / "coi.bix")):
        result = call("classify", reads, *words)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert result.err.endswith("ships with barcodeembed is missing; give --model\n")


def test_an_index_uses_its_own_copy_first(box, reads, other, call):
    assert call("classify", reads, "-i", other[1]).code == 0


@pytest.mark.slow
def test_evaluate_uses_the_shipped_bundles(box, index_bundle, model_bundle, call, tmp_path):
    queries = ("--queries", SIMULATED / "reads.tsv", "--against", "none", "--sample", 3, "--json")
    for name, words in {
        "bare": (box / "coi.bix",),
        "index": (index_bundle,),
        "default": (REFERENCES,),
        "given": (REFERENCES, "-m", model_bundle),
        "knn": (REFERENCES, "--protocol", "knn"),
        "given knn": (REFERENCES, "--protocol", "knn", "-m", model_bundle),
    }.items():
        result = call("evaluate", *words, *queries, tmp_path / name)
        assert result.code == 0, result
    figures = {
        path.name: json.loads(path.read_text()) for path in tmp_path.iterdir() if path.is_file()
    }
    for report in figures.values():
        for method in report.get("methods", []):
            del method["queries_per_second"]
    assert figures["bare"] == figures["index"] == figures["default"] == figures["given"]
    assert figures["knn"] == figures["given knn"] != figures["given"]


def test_info_without_a_path_describes_the_shipped_bundles(box, call):
    described = json.loads(call("info", "--json").out)
    assert described == {
        "model": json.loads(call("info", box / "coi.model", "--json").out),
        "index": json.loads(call("info", box / "coi.bix", "--json").out),
    }
    index = described["index"]
    assert index["coverage"] == "Insects of nowhere."
    assert (index["taxa"]["order"], index["taxa"]["species"]) == (5, 139)
    orders = index["species_by_order"]
    assert len(orders) == 5
    assert sum(orders.values()) == 139
    assert list(orders.values()) == sorted(orders.values(), reverse=True)
    shown = call("info")
    assert (shown.code, shown.err) == (0, "")
    model, _, bundle = shown.out.partition("\n\n")
    assert re.match(r"kind +model\n", model)
    assert re.match(r"kind +index\n", bundle)
    assert re.search(r"(?m)^coverage +Insects of nowhere\.$", bundle)
    assert re.search(r"(?m)^  Mockoptera +40$", bundle)


def test_a_broken_installation_is_a_one_line_error(tmp_path, reads, monkeypatch, call):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "nowhere")
    new = tmp_path / "new"
    before = files_in(tmp_path)
    for words, name in {
        ("embed", reads, "-o", new): "coi.model",
        ("classify", reads, "-o", new): "coi.bix",
        ("index", "build", REFERENCES, "-o", new): "coi.model",
        ("info",): "coi.model",
        ("evaluate", REFERENCES, "--queries", SIMULATED / "reads.tsv", "-o", new): "coi.model",
    }.items():
        result = call(*words)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert f"{tmp_path / 'nowhere' / name}: the COI " in result.err
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("name", ["coi.model/model.safetensors", "coi.bix/vectors.npy"])
def test_checksums_of_the_shipped_bundles_are_verified(name, box, reads, call):
    path = box / name
    path.write_bytes(path.read_bytes()[:-1] + b"\x99")
    result = call("classify", reads)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert f"{path}: checksum mismatch" in result.err


def test_the_stand_in_index_contains_no_model(box):
    assert not [
        name
        for name in read_manifest(box / "coi.bix", "an index")["files"]
        if name.startswith("model/")
    ]


def test_finding_the_shipped_bundles_imports_no_large_library():
    script = "import sys, barcodeembed.shipped; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
