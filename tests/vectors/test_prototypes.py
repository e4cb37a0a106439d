"""Prototypes: compared with simple means, when stored, and at the command line."""

from __future__ import annotations

import gzip
import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import SIMULATED, files_in, rows_of, run_here

from barcodeembed.bundles.scratch import TEMPORARY
from barcodeembed.calibration.examples import Voter, make_examples
from barcodeembed.calibration.tuning import _without_itself
from barcodeembed.classify.thresholds import confidence_thresholds
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index.build import build_index
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.collect import BuildReport
from barcodeembed.index.represent import Barcodes, Representation, as_prototypes
from barcodeembed.scoring.candidates import Finder, Weights
from barcodeembed.scoring.vote import Members
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.references import read_labelled
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.normalise import normalise
from barcodeembed.vectors.prototypes import (
    as_stored,
    dequantise,
    divide,
    make_prototypes,
    name_prototypes,
    prototypes_without,
    quantise,
)

pytestmark = pytest.mark.usefixtures("small_samples")


def scattered(seed: int, barcodes: int = 40, groups: int = 9, width: int = 6):
    """Return unit vectors and distinct members; a few barcodes are in two groups."""
    rng = np.random.default_rng(seed)
    vectors = normalise(rng.standard_normal((barcodes, width)).astype(np.float32) + 0.5)
    of = rng.permutation(np.resize(np.arange(groups), barcodes))
    twice = rng.choice(barcodes, 5, replace=False)
    rows = np.concatenate([np.arange(barcodes), twice])
    return vectors, rows, np.concatenate([of, (of[twice] + 1) % groups])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_a_prototype_is_the_mean_of_its_members(seed):
    vectors, rows, groups = scattered(seed)
    made = make_prototypes(vectors, rows, groups)
    assert sorted(set(made.groups.tolist())) == list(range(9))
    assert (np.diff(made.groups) >= 0).all()
    assert (made.groups[made.of_members] == groups).all()
    for p, prototype in enumerate(made.vectors):
        total = np.zeros(vectors.shape[1])
        for row, of in zip(rows, made.of_members, strict=True):
            if of == p:
                total += vectors[row]
        assert prototype @ (total / np.linalg.norm(total)) > 0.9998
        np.testing.assert_allclose(np.linalg.norm(prototype), 1, atol=1e-6)
    assert np.bincount(made.groups).max() <= 3
    assert make_prototypes(vectors, rows, groups).vectors.tobytes() == made.vectors.tobytes()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_a_prototype_without_a_barcode_is_the_mean_of_the_others(seed):
    vectors, rows, groups = scattered(seed)
    of = make_prototypes(vectors, rows, groups).of_members
    found = prototypes_without(vectors, rows, of, np.arange(len(rows)))
    for member, rest in enumerate(found):
        mates = [rows[m] for m in range(len(rows)) if of[m] == of[member] and m != member]
        assert np.isnan(rest).all() == (not mates)
        if mates:
            mean = vectors[mates].astype(float).sum(0)
            np.testing.assert_allclose(rest, mean / np.linalg.norm(mean), atol=0.02)


def test_a_group_of_two_clusters_is_divided_and_a_cohesive_one_is_not():
    rng = np.random.default_rng(0)
    heaps = np.repeat(np.eye(3), [6, 4, 5], axis=0) + 0.01 * rng.standard_normal((15, 3))
    vectors = normalise(heaps.astype(np.float32))
    parts = divide(vectors, 0.95)
    assert [part.tolist() for part in parts] == [
        list(range(6)),
        list(range(10, 15)),
        list(range(6, 10)),
    ]
    assert len(divide(vectors, 0.1)) == 1
    assert len(divide(vectors, 0.95, max_parts=2)) == 2
    # Of eleven groups, the three least cohesive are divided.
    pairs = np.repeat(np.eye(3)[np.arange(10) % 3], 2, axis=0) + 0.1 * rng.standard_normal((20, 3))
    many = np.concatenate([vectors[:10], normalise(pairs.astype(np.float32))])
    groups = np.concatenate([np.zeros(10, int), np.repeat(np.arange(1, 11), 2)])
    made = make_prototypes(many, np.arange(len(many)), groups)
    numbers = np.bincount(made.groups).tolist()
    assert numbers[0] == 2 and sorted(numbers[1:]) == [1] * 8 + [2] * 2
    loosest = np.argsort([pair[0] @ pair[1] for pair in many[10:].reshape(10, 2, 3)])[:2]
    assert {numbers[1 + i] for i in loosest} == {2}


def test_identical_barcodes_are_one_prototype():
    vectors = normalise(np.ones((5, 4), np.float32))
    assert len(divide(vectors, 1.1)) == 1
    opposite = np.array([[1, 0], [-1, 0]], np.float32)
    made = make_prototypes(opposite, np.arange(2), np.zeros(2, int))
    assert np.isfinite(made.vectors).all()
    assert make_prototypes(opposite[:1], np.arange(1), np.zeros(1, int)).groups.tolist() == [0]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 192))
def test_the_quantisation_error_is_at_most_half_a_step(seed, width):
    vectors = normalise(np.random.default_rng(seed).standard_normal((8, width)).astype("f4"))
    stored = quantise(vectors)
    assert stored.dtype == np.int8
    step = np.abs(vectors).max(1, keepdims=True) / 127
    assert (np.abs(stored * step - vectors) <= step * 0.5001).all()
    opened = dequantise(stored)
    np.testing.assert_allclose(np.linalg.norm(opened, axis=1), 1, atol=1e-6)
    off = (step / 2 * np.sqrt(width)).ravel()  # the maximum error, and the cosine of this angle
    assert (np.einsum("nd,nd->n", opened, vectors) >= 1 - off**2).all()
    assert (quantise(opened) == stored).all()  # writing it again changes nothing


def test_ids_are_unique_even_if_a_name_looks_like_an_id():
    names = ["Apis", "Apis.2", "Apis", "Apis.2", "Apis"]
    assert name_prototypes(names) == ["Apis", "Apis.2", "Apis.3", "Apis.2.2", "Apis.4"]


# Calibration of an index of prototypes.


def prototypes_of(vectors, members, lineages_of, taxa, rows) -> Representation:
    """Return the prototypes of barcodes without k-mers."""
    each = np.arange(len(vectors))
    barcodes = Barcodes(["A"] * len(vectors), vectors, each, lineages_of, taxa, members)
    mixed = np.zeros((len(rows), len(taxa.ranks)), bool)
    return as_prototypes(barcodes, rows, {}, mixed, TEMPORARY)


def top_similarities(held, taxa, hidden: int) -> np.ndarray:
    """Return the highest similarity of each sampled barcode with one rank (or none) hidden."""
    finder = Finder(1, 1, Weights(0.02), Weights(0.02), 650.0)
    voter = Voter(held.vectors, held.members, taxa, finder)
    count = len(held.sample)
    found = make_examples(held.sample, ["A" * 650] * count, np.zeros(count), voter)
    return 1.003 - np.exp(-found.features[found.hidden == hidden, 0, 0])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_a_sampled_barcode_is_removed_from_its_prototype(seed):
    """Compare with prototypes that are made again without the barcode."""
    rng = np.random.default_rng(seed)
    lineages = [(None,) * 6 + (f"G{g}", f"G{g} s{s}") for g in range(3) for s in "abc"]
    taxa = Taxa.of(lineages)
    vectors, _, of = scattered(seed)
    of = of[: len(vectors)]
    members = Members.of(np.arange(len(of)), of, len(of))
    rows = np.sort(rng.choice(len(of), 20, replace=False))
    held = prototypes_of(vectors, members, of, taxa, rows)
    prototype_of = make_prototypes(vectors, np.arange(len(of)), of).of_members

    species_rank = taxa.ranks.index("species")
    seen, new = (top_similarities(held, taxa, hidden) for hidden in (-1, species_rank))
    similarities, found = _without_itself(held.vectors, held.sample, 3)
    wanted: dict[str, list[float]] = {"known": [], "new": []}
    for i, row in enumerate(rows):
        without = held.vectors.copy()
        mates = [j for j in range(len(of)) if prototype_of[j] == prototype_of[row] and j != row]
        there = np.ones(len(without), bool)
        if mates:
            without[prototype_of[row]] = as_stored(
                normalise(vectors[mates].astype(float).mean(0)[None])
            )[0]
        else:
            there[prototype_of[row]] = False
        scores = np.where(there, without.astype(float) @ vectors[row], -np.inf)
        species = held.lineages_of == of[row]
        if (there & species).any():
            wanted["known"].append(scores.max())
        genus = held.lineages_of // 3 == of[row] // 3
        if (there & genus & ~species).any():
            wanted["new"].append(scores[~species].max())
        np.testing.assert_allclose(similarities[i], np.sort(scores)[::-1][:3], atol=2e-6)
        np.testing.assert_allclose(scores[found[i]], similarities[i], atol=2e-6)
    np.testing.assert_allclose(seen, wanted["known"], atol=1e-4)
    np.testing.assert_allclose(new, wanted["new"], atol=1e-4)


def test_a_species_with_one_barcode_gives_no_example_of_a_known_species():
    vectors, _, _ = scattered(0, barcodes=9)
    taxa = Taxa.of([(None,) * 6 + ("G", f"G s{s}") for s in range(9)])
    each = np.arange(9)
    held = prototypes_of(vectors, Members.of(each, each, 9), each, taxa, each)
    assert len(top_similarities(held, taxa, -1)) == 0
    assert len(top_similarities(held, taxa, taxa.ranks.index("species"))) == 9


# The bundle.


@pytest.fixture(scope="module")
def small(tmp_path_factory, model_bundle):
    """Build an index of prototypes of the simulated references, with a model."""
    path = tmp_path_factory.mktemp("prototypes") / "small.bix"
    assert (
        run_here(
            "index",
            "build",
            SIMULATED / "reference.fasta",
            "-m",
            model_bundle,
            "-o",
            path,
            "--prototypes",
            "species",
            "-q",
        )
        == 0
    )
    return path


@pytest.fixture(scope="module")
def bare(tmp_path_factory, model_bundle):
    """Build the same index without the model."""
    path = tmp_path_factory.mktemp("prototypes") / "bare.bix"
    assert (
        run_here(
            "index",
            "build",
            SIMULATED / "reference.fasta",
            "-m",
            model_bundle,
            "-o",
            path,
            "--prototypes",
            "species",
            "--without-model",
            "-q",
        )
        == 0
    )
    return path


def test_an_index_is_unchanged_after_writing_and_reading(tmp_path):
    labelled = list(read_labelled(SIMULATED / "reference.fasta"))
    report = BuildReport()
    built = build_index(labelled, KmerCounter(4), whiten=32, prototypes="species", report=report)
    built.save(tmp_path / "a.bix")
    opened = ReferenceIndex.open(tmp_path / "a.bix")
    assert opened.vectors.dtype == np.float32
    assert opened.vectors.tobytes() == built.vectors.tobytes()
    assert list(opened.record_ids) == built.record_ids
    assert len(set(built.record_ids)) == len(built.vectors) == built.settings.vectors
    for name in ("record_vectors", "record_lineages", "orientation"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(built, name))
    assert opened.taxa.lineages == built.taxa.lineages
    assert (opened.calibration, opened.settings) == (built.calibration, built.settings)
    assert opened.sequences is built.sequences is None
    assert report.distinct == built.settings.barcodes == 493
    species = {taxa[-1].replace(" ", "_") for taxa in built.taxa.lineages if taxa[-1]}
    assert species <= set(built.record_ids)
    assert len(built.taxa.lineages) < len(built.vectors) <= 1.6 * len(built.taxa.lineages)

    again = build_index(labelled[::-1], KmerCounter(4), whiten=32, prototypes="species")
    again.save(tmp_path / "b.bix", None)
    for path in files_in(tmp_path / "a.bix"):
        assert (tmp_path / "b.bix" / path.name).read_bytes() == path.read_bytes()


def test_the_bundle_contains_no_data_of_single_records(small):
    ids, fragments = set(), set()
    for record, _ in read_labelled(SIMULATED / "reference.fasta"):
        ids.add(record.id.encode())
        bases = record.sequence.upper()
        fragments |= {bases[i : i + 20].encode() for i in range(0, len(bases) - 20, 20)}
    held = {str(path.relative_to(small)) for path in files_in(small) if path.is_file()}
    assert held == {
        "calibration.json",
        "config.json",
        "kmers.npz",
        "lineages.tsv.gz",
        "manifest.json",
        "orientation.npy",
        "prototypes.npy",
        "prototypes.tsv.gz",
        "whitening.npz",
        "model/config.json",
        "model/manifest.json",
        "model/model.safetensors",
    }
    for name in held:
        content = (small / name).read_bytes()
        if name.endswith(".gz"):
            content = gzip.decompress(content)
        assert not any(text in content for text in ids | fragments), name
    assert b"Shamitunemella_dunedensis" in gzip.decompress(
        (small / "prototypes.tsv.gz").read_bytes()
    )


def test_damaged_kmers_are_one_error_when_a_fragment_needs_them(call, small, tmp_path):
    """Without checksums the damage shows only then."""
    damaged = shutil.copytree(small, tmp_path / "damaged.bix")
    path = damaged / "kmers.npz"
    path.write_bytes(bytes(path.stat().st_size))
    (tmp_path / "read.fa").write_text(
        "\n".join((SIMULATED / "reads.fasta").read_text().split("\n")[:2])
    )
    result = call("classify", tmp_path / "read.fa", "-i", damaged, "--no-verify")
    assert result.code == 1
    assert result.err.count("\n") == 1 and "damaged.bix/kmers.npz: damaged" in result.err


def test_prototypes_give_similar_names_to_the_whole_index(call, small, index_bundle, tmp_path):
    reads = SIMULATED / "reads.fasta"
    for index in (index_bundle, small):
        assert set(confidence_thresholds(ReferenceIndex.open(index))) == {0.75}
    whole = rows_of(call("classify", reads, "-i", index_bundle, "--min-confidence", 0).out)
    result = call(
        "classify", reads, "-i", small, "--min-confidence", 0, "--hits", tmp_path / "hits.tsv"
    )
    rows = rows_of(result.out)
    assert [row["query_id"] for row in rows] == [row["query_id"] for row in whole]
    assert rows[0].keys() == whole[0].keys()
    assert {(row["identity"], row["overlap"]) for row in rows} == {("NA", "NA")}
    # Incorrect names of a random model are random, so only correct names are compared.
    labels = rows_of((SIMULATED / "reads.tsv").read_text())
    truth = {row["record_id"]: row["species"] for row in labels}
    same = [
        row["species"] == other["species"]
        for row, other in zip(rows, whole, strict=True)
        if other["species"] == truth[other["query_id"]]
    ]
    assert len(same) > 40
    # The whole index aligns the references of a fragment; prototypes cannot.
    assert np.mean(same) > 0.85
    ids = set(ReferenceIndex.open(small).record_ids)
    assert {row["nearest_id"] for row in rows} <= ids | {"NA"}
    hits = rows_of((tmp_path / "hits.tsv").read_text())
    assert {row["reference_id"] for row in hits} <= ids
    assert {(row["identity"], row["overlap"]) for row in hits} == {("NA", "NA")}
    deepest = {row["reference_id"]: row["lineage"].split(";")[-1] for row in hits}
    assert all(name.replace(" ", "_") == id.split(".")[0] for id, name in deepest.items())


def test_info_describes_prototypes(call, small):
    described = json.loads(call("info", small, "--json").out)
    assert (described["prototypes"], described["barcodes"]) == ("species", 493)
    assert (described["records"], described["vectors"]) == (
        605,
        len(ReferenceIndex.open(small).vectors),
    )
    assert {r: described["taxa"][r] for r in ("order", "family", "genus", "species")} == {
        "order": 5,
        "family": 15,
        "genus": 38,
        "species": 139,
    }
    assert "prototypes              species\n" in call("info", small).out


def test_a_damaged_table_is_an_error_even_with_no_verify(call, small, tmp_path):
    path = shutil.copytree(small, tmp_path / "broken.bix") / "prototypes.tsv.gz"
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes(len(content) - 40))
    result = call(
        "classify", SIMULATED / "reads.fasta", "-i", tmp_path / "broken.bix", "--no-verify"
    )
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "broken.bix/prototypes.tsv.gz: damaged" in result.err


def test_an_index_without_its_model_needs_the_option_model(
    call, bare, small, model_bundle, tmp_path
):
    reads = SIMULATED / "reads.fasta"
    for words in (
        ("classify", reads, "-i", bare),
        ("evaluate", bare, "--queries", SIMULATED / "reads.tsv", "--against", "none"),
    ):
        result = call(*words)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert "contains no copy of it" in result.err and "give --model" in result.err
    given = call("classify", reads, "-i", bare, "-m", model_bundle)
    assert given.code == 0
    assert given.out == call("classify", reads, "-i", small).out
    for path in (f for f in files_in(bare) if f.name != "manifest.json"):
        assert path.read_bytes() == (small / path.name).read_bytes()
    embedder = json.loads((bare / "manifest.json").read_text())["embedder"]
    assert embedder == json.loads((small / "manifest.json").read_text())["embedder"]
    assert call("info", bare).code == 0


@pytest.mark.slow
def test_any_index_can_be_built_without_its_model(call, index_bundle, model_bundle, tmp_path):
    reads, path = SIMULATED / "reads.fasta", tmp_path / "whole.bix"
    assert (
        call(
            "index",
            "build",
            SIMULATED / "reference.fasta",
            "-m",
            model_bundle,
            "-o",
            path,
            "--without-model",
        ).code
        == 0
    )
    assert not (path / "model").exists()
    given = call("classify", reads, "-i", path, "-m", model_bundle)
    assert given.out == call("classify", reads, "-i", index_bundle).out


def test_each_bin_is_a_prototype(call, model_bundle, tmp_path):
    """One species has three BINs; a barcode with two BINs counts for the more frequent one."""
    labelled = list(read_labelled(SIMULATED / "reference.fasta"))[:80]
    lineage = labelled[0][1]
    rows = ["\t".join(["record_id", "nucleotides", "bin_uri", *RANKS])]
    for i, (record, _) in enumerate(labelled):
        name = ("BOLD:AAA0001", "BOLD:AAA0002", "None")[i % 3]
        cells = [taxon or "" for taxon in lineage]
        rows.append("\t".join([record.id, record.sequence, name, *cells]))
    (tmp_path / "bins.tsv").write_text("\n".join(rows) + "\n")
    for kind, least in ("bin", 3), ("species", 1):
        path = tmp_path / f"{kind}.bix"
        result = call(
            "index",
            "build",
            tmp_path / "bins.tsv",
            "-m",
            model_bundle,
            "-o",
            path,
            "--prototypes",
            kind,
        )
        assert result.code == 0
        index = ReferenceIndex.open(path)
        assert least <= len(index.vectors) <= 3 * least
        assert len(index.taxa.lineages) == 1
        first = lineage[-1].replace(" ", "_")
        assert list(index.record_ids)[:2] == [first, f"{first}.2"][: len(index.vectors)]
        assert b"BOLD" not in gzip.decompress((path / "prototypes.tsv.gz").read_bytes())
        assert json.loads(call("info", path, "--json").out)["prototypes"] == kind


def test_invalid_options_are_an_error(call, small, model_bundle, tmp_path):
    reference, new = SIMULATED / "reference.fasta", tmp_path / "new.bix"
    result = call("index", "build", reference, "-m", model_bundle, "-o", new, "--prototypes", "x")
    assert (result.code, "'x' is not one of species, bin" in result.err) == (2, True)
    result = call(
        "index", "build", reference, "-m", model_bundle, "-o", new, "--prototypes", "bin", "-q"
    )
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "no reference has a BIN in a column dna_bin, bin_uri, bin" in result.err
    assert not new.exists()
    queries = SIMULATED / "reads.tsv"
    result = call("evaluate", small, "--queries", queries)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "contains no sequences for --against kmer; use --against none" in result.err
    assert call("evaluate", small, "--queries", queries, "--against", "none", "-q").code == 0
