"""An index with a quantised search: built, written, read, classified with, damaged."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import SIMULATED

import barcodeembed as be
from barcodeembed.bundles.manifest import write_manifest
from barcodeembed.calibration.sample import Sample
from barcodeembed.cli.build_options import describe_search
from barcodeembed.errors import BundleError
from barcodeembed.index import large
from barcodeembed.index.collect import BuildReport
from barcodeembed.index.options import BuildOptions
from barcodeembed.index.settings import INDEX_FORMAT, IndexSettings
from barcodeembed.index.validation import check_settings
from barcodeembed.vectors import quantised
from barcodeembed.vectors.search import nearest


@pytest.fixture(scope="module")
def small_clusters():
    """Let an index of 493 barcodes have several clusters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantised, "_SPARE", 10)
        patch.setattr(quantised, "_SMALLEST", 24)
        yield


@pytest.fixture(scope="module")
def bundle(index_bundle, tmp_path_factory, small_clusters) -> Path:
    """Return the index of the simulated references with a quantised search."""
    index = be.ReferenceIndex.open(index_bundle)
    vectors = np.array(index.vectors)
    own = np.arange(0, len(vectors), 2)
    made, search = large.make_quantised(vectors, vectors[own], own, seed=0)
    path = tmp_path_factory.mktemp("quantised") / "quantised.bix"
    settings = replace(index.settings, search=search)
    replace(index, quantised=made, settings=settings).save(path)
    return path


@pytest.fixture(scope="module")
def reads(tmp_path_factory) -> Path:
    """Return a file of 24 reads."""
    path = tmp_path_factory.mktemp("reads") / "reads.fasta"
    path.write_text("".join((SIMULATED / "reads.fasta").read_text().splitlines(True)[:48]))
    return path


def test_both_searches_give_the_same_rows(bundle, index_bundle, reads, call):
    exact = call("classify", reads, "-i", index_bundle, "-q")
    assert exact.code == 0
    assert call("classify", reads, "-i", bundle, "-q").out == exact.out
    assert call("classify", reads, "-i", bundle, "-q", "--exact").out == exact.out


def test_exact_compares_with_all_references(bundle, reads):
    """With a margin of zero the quantised search misses some of the nearest."""
    index = be.ReferenceIndex.open(bundle)
    assert index.quantised and len(index.quantised.centres) > 3
    hasty = replace(index, quantised=replace(index.quantised, margin=0.0))
    classifiers = [be.Classifier.load(hasty, exact=exact) for exact in (True, False)]
    exact, approximate = ([a.hits for a in c.classify(reads)] for c in classifiers)
    assert exact != approximate
    assert exact == [a.hits for a in be.Classifier.load(index).classify(reads)]


def test_search_of_the_index_uses_the_codes(bundle):
    index = be.ReferenceIndex.open(bundle)
    hasty = replace(index, whitening=None, quantised=replace(index.quantised, margin=0.0))
    vectors = np.array(index.vectors)
    exact = hasty.search(vectors, exact=True).rows
    assert np.array_equal(exact, nearest(vectors, vectors, 10)[1])
    assert not np.array_equal(hasty.search(vectors).rows, exact)


def test_info_shows_the_recall(bundle, call):
    search = json.loads(call("info", bundle, "--json").out)["search"]
    assert search["clusters"] == len(be.ReferenceIndex.open(bundle).quantised.centres)
    assert search["recall_nearest"] >= 0.999 and search["recall_ten"] >= 0.999


def test_arrays_stay_on_disk(bundle):
    made = be.ReferenceIndex.open(bundle, verify=False).quantised
    assert all(isinstance(getattr(made, name), np.memmap) for name in ("rows", "codes", "lengths"))


def test_the_recall_is_that_of_queries_that_did_not_choose_the_margin(small_clusters):
    """Odd queries are unlike the others: what they miss must show in the recall."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((600, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries, own = vectors[:200].copy(), np.arange(200)
    made, search = large.make_quantised(vectors, queries, own, seed=0)
    found = made.nearest(vectors, queries, 11)[1]
    wanted = nearest(vectors, queries, 11)[1]
    missed = [
        len(set(w) - set(f))
        for w, f in zip(wanted[1::2].tolist(), found[1::2].tolist(), strict=True)
    ]
    assert search.recall_ten == pytest.approx(1 - sum(missed) / 1000, abs=1e-5)


@pytest.mark.parametrize("least, used", [(0.9, True), (1.1, False)])
def test_too_low_a_recall_keeps_the_exact_search(monkeypatch, bundle, capsys, least, used):
    monkeypatch.setattr(large, "LEAST_RECALL", least)
    index = be.ReferenceIndex.open(bundle)
    rows, report = np.arange(0, 493, 5), BuildReport()
    mixed = np.zeros((len(rows), len(index.taxa.ranks)), bool)
    sample = Sample.of_barcodes(np.array(index.vectors), index.members, rows, mixed)
    options = BuildOptions(search="quantised")
    made = large.choose_search(np.array(index.vectors), sample, sample.vectors, options, report)
    assert (made is not None) == used
    describe_search(replace(index, quantised=made), report)
    said = capsys.readouterr().err
    assert "of the closest references" in said
    assert ("the index is searched exactly" in said) != used
    unwanted = BuildOptions(search="auto")
    assert large.choose_search(index.vectors, sample, sample.vectors, unwanted, report) is None


def test_only_large_indexes_are_quantised_by_themselves(index_bundle):
    assert be.ReferenceIndex.open(index_bundle).quantised is None
    with pytest.raises(be.InputError, match="search is 'fast'; it must be one of auto, exact"):
        be.build_index([], object(), search="fast")
    with pytest.raises(be.InputError, match="prototypes are searched exactly"):
        be.build_index([], object(), search="quantised", prototypes="species")


def _change(name: str, change):
    def damage(folder: Path) -> None:
        path = folder / "quantised" / f"{name}.npy"
        values = np.load(path)
        np.save(path, change(values))

    return damage


def _set(at: int, value: int):
    def change(values: np.ndarray) -> np.ndarray:
        values[at] = value
        return values

    return change


@pytest.mark.parametrize(
    "name, change, problem",
    [
        ("rows", _set(0, 10_000), "a row is not from 0 to 492"),
        ("rows", lambda rows: np.append(rows[1:], rows[-1]), "a vector has no code"),
        ("starts", _set(1, 493), "is not in ascending order from 0 to 493"),
        ("starts", _set(-1, 494), "is not in ascending order from 0 to 493"),
        ("lengths", _set(5, 0), "has lengths that are not of the codes"),
        ("codes", lambda codes: codes[:-1], "an array of shape"),
        ("centres", lambda centres: centres.astype(np.float32), "an array of type float32"),
    ],
)
def test_wrong_arrays_with_correct_checksums_are_refused(bundle, tmp_path, name, change, problem):
    copy = Path(shutil.copytree(bundle, tmp_path / "copy.bix"))
    _change(name, change)(copy)
    embedder = json.loads((copy / "manifest.json").read_text())["embedder"]
    (copy / "manifest.json").unlink()
    write_manifest(copy, "index", INDEX_FORMAT, embedder=embedder)
    with pytest.raises(BundleError, match=f"{name}.npy: .*{problem}"):
        be.ReferenceIndex.open(copy)


@pytest.mark.parametrize(
    "change, problem",
    [
        ({"clusters": 0}, "clusters is 0"),
        ({"margin": "wide"}, "margin is 'wide'"),
        ({"recall_ten": 1.5}, "recall_ten is 1.5"),
    ],
)
def test_wrong_settings_are_refused(bundle, change, problem):
    values = json.loads((bundle / "config.json").read_text())
    check_settings(values)
    assert IndexSettings.from_json(values).to_json() == values
    with pytest.raises(ValueError, match=problem):
        check_settings(values | {"search": values["search"] | change})


@pytest.mark.slow
def test_an_interrupted_build_goes_on(call, model_bundle, tmp_path, monkeypatch):
    """The index is that of an uninterrupted build, byte for byte."""
    monkeypatch.setattr("barcodeembed.embedding.vector_maker._CHUNK", 20)
    few, path = tmp_path / "few.fasta", tmp_path / "few.bix"
    few.write_text("".join((SIMULATED / "reference.fasta").read_text().splitlines(True)[:120]))
    build = ("index", "build", few, "-m", model_bundle, "-o")
    assert call(*build, tmp_path / "whole.bix").code == 0
    encode, done = be.Embedder.encode, []

    def interrupted(self, sequences):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(len(sequences))
        return encode(self, sequences)

    with monkeypatch.context() as patch:
        patch.setattr(be.Embedder, "encode", interrupted)
        assert call(*build, path, "--resume").code == 130
    assert not path.exists()
    resumed = call(*build, path, "--resume")
    assert resumed.code == 0 and "going on with the vectors" in resumed.err
    assert not Path(f"{path}.part").exists()
    for file in (tmp_path / "whole.bix").rglob("*"):
        if file.is_file() and file.suffix != ".fxi" and file.name != "manifest.json":
            written = path / file.relative_to(tmp_path / "whole.bix")
            assert written.read_bytes() == file.read_bytes(), file.name
