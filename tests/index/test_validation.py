"""What an index contains is checked when it is opened: settings, calibration, tables and arrays."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import sys
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from barcodeembed.errors import BundleError, IndexMismatch, InputError, ReferenceDataError
from barcodeembed.index.build import check_vectors, prepare
from barcodeembed.index.collect import BuildReport
from barcodeembed.index.files import read_index
from barcodeembed.index.model import find_model
from barcodeembed.index.options import BuildOptions
from barcodeembed.index.reference_sequences import (
    FastaSequences,
    check_fasta_index,
    index_sequences,
)
from barcodeembed.index.validation import (
    check_calibration,
    check_kmer_lengths,
    check_kmers,
    check_lineages,
    check_records,
    check_settings,
)
from barcodeembed.model.bundle import load_model
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.sequences.shared_kmers import Postings
from barcodeembed.shipped import shipped_index, shipped_model
from barcodeembed.taxonomy.ranks import RANKS

SETTINGS = json.loads((shipped_index("COI") / "config.json").read_text())
CALIBRATION = json.loads((shipped_index("COI") / "calibration.json").read_text())
PATH = Path("some.bix")


def test_the_settings_that_ship_are_valid():
    check_settings(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", [[[]], float("nan")])
def test_a_field_of_another_type_is_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name}\b|embedder|precision"):
        check_settings(SETTINGS | {name: value})


@pytest.mark.parametrize("value", ["no", 0, 1, None])
def test_kmers_for_all_is_true_or_false(value):
    with pytest.raises(ValueError, match="kmers_for_all is .*; expected bool"):
        check_settings(SETTINGS | {"kmers_for_all": value})


AMPLICON = {
    "name": "leray",
    "forward": "GGWACWGGWTGAACWGTWTAYCCYCC",
    "reverse": "TANACYTCNGGRTGNCC",
}
SEARCH = {"clusters": 2, "margin": 0.1, "recall_nearest": 1.0, "recall_ten": 0.9}


def test_optional_settings_are_valid():
    check_settings(SETTINGS | {"amplicon": AMPLICON, "search": SEARCH})


@pytest.mark.parametrize(
    "changed, problem",
    [
        ({"embedding": {"precision": "fp8"}}, "embedding.precision is 'fp8'"),
        ({"prototypes": "genus"}, "prototypes is 'genus'"),
        ({"amplicon": AMPLICON | {"forward": "ACGT"}}, "too short or too long"),
        ({"amplicon": AMPLICON | {"reverse": "X" * 20}}, "other letters than IUPAC codes"),
        ({"amplicon": AMPLICON | {"first": 0}}, "first is 0"),
        ({"search": SEARCH | {"clusters": 10**9}}, "clusters is"),
        ({"search": SEARCH | {"recall_ten": 1.5}}, "recall_ten is 1.5"),
    ],
)
def test_a_value_out_of_range_is_named(changed, problem):
    with pytest.raises(ValueError, match=problem):
        check_settings(SETTINGS | changed)


@pytest.mark.parametrize(
    "keys, value, problem",
    [
        (["ranks", "species", "correct", "whole", "weights", 0], 1e12, "weights has a number over"),
        (["ranks", "species", "correct", "whole", "growth", 0], 1e3, "growth has a number over"),
        (["ranks", "species", "correct", "whole", "noise"], 2, "noise is 2"),
        (["ranks", "species", "correct", "fragments", "spreads", 0], 0, "is not positive"),
        (["ranks", "species", "report", "coverage", "0.95"], 2, "0.95 is 2"),
        (["ranks", "species", "in_reference"], None, "in_reference is None"),
        (["median_length"], 0, "median_length is 0"),
    ],
)
def test_a_calibration_that_is_not_valid_is_named(keys, value, problem):
    check_calibration(CALIBRATION, RANKS)
    changed = deepcopy(CALIBRATION)
    part = changed
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    with pytest.raises(ValueError, match=problem):
        check_calibration(changed, RANKS)


@pytest.mark.parametrize(
    "header, rows, problem",
    [
        (["id"], [], "has the columns id"),
        (RANKS, [["Animalia"]], "rows of another length"),
        (RANKS, [], "has no rows"),
    ],
)
def test_a_table_of_lineages_that_is_not_valid_is_an_error(header, rows, problem):
    with pytest.raises(ValueError, match=problem):
        check_lineages(header, rows)


def test_each_vector_has_a_record_and_each_record_a_lineage():
    check_records(PATH, np.array([0, 1, 1]), np.array([0, 0, 0]), 2, 1)
    for vectors, lineages, problem in (
        ([0, 0], [0, 0], "a vector has no record"),
        ([0, 2], [0, 0], "a vector is not from 0 to 1"),
        ([0, 1], [0, 1], "a lineage is not from 0 to 0"),
    ):
        with pytest.raises(BundleError, match=problem):
            check_records(PATH, np.array(vectors), np.array(lineages), 2, 1)


@pytest.mark.parametrize(
    "hashes, starts, rows, problem",
    [
        ([1, 2], [0, 1], [0, 1], "lengths that do not match"),
        ([2, 1], [0, 1, 2], [0, 1], "not in ascending order"),
        ([1, 2], [0, 3, 2], [0, 1], "not in ascending order"),
        ([1, 2], [0, 1, 2], [0, 9], "a row is not from 0 to 1"),
    ],
)
def test_kmers_that_are_not_sorted_are_an_error(hashes, starts, rows, problem):
    kmers = Postings(*map(np.array, (hashes, starts, rows)))
    with pytest.raises(BundleError, match=problem):
        check_kmer_lengths(PATH, kmers)
        check_kmers(PATH, kmers, 2)


def break_whitening(index: Path) -> None:
    with np.load(index / "whitening.npz") as arrays:
        np.savez(index / "whitening.npz", mean=arrays["mean"][1:], directions=arrays["directions"])


def change_settings(index: Path) -> None:
    settings = json.loads((index / "config.json").read_text())
    (index / "config.json").write_text(json.dumps(settings | {"vectors": settings["vectors"] + 1}))


def empty_lineages(index: Path) -> None:
    header, *rows = (index / "lineages.tsv").read_text().splitlines()
    nameless = "\t".join(["NA"] * len(RANKS))
    (index / "lineages.tsv").write_text("\n".join([header, *(nameless for _ in rows)]) + "\n")


def shorten_references(index: Path) -> None:
    records = (index / "references.fasta").read_text().split(">")
    (index / "references.fasta").write_text(">".join(records[:-1]))
    (index / "references.fasta.fxi").unlink()
    FastaSequences(index / "references.fasta")


@pytest.mark.parametrize(
    "damage, problem",
    [
        (change_settings, "config.json: vectors is not"),
        (break_whitening, "whitening.npz: mean and directions have different lengths"),
        (empty_lineages, "lineages.tsv: has no names"),
        (shorten_references, "by pyfastx is not complete"),
    ],
)
def test_files_that_do_not_fit_each_other_are_an_error(damage, problem, index_bundle, tmp_path):
    """Their checksums can be correct."""
    index = Path(shutil.copytree(index_bundle, tmp_path / "some.bix"))
    read_index(index)
    damage(index)
    with pytest.raises(BundleError, match=problem):
        read_index(index)
    if damage is shorten_references:
        with pytest.raises(BundleError, match="sequences for .* vectors"):
            read_index(index, verify=False)


def test_sequences_are_read_by_their_position(tmp_path):
    path = tmp_path / "references.fasta"
    path.write_text(">a\nACGT\n>b\nGG-A\n>c\nTTTT\n")
    sequences = FastaSequences(path)
    assert (sequences[0], sequences[-1], sequences[::2]) == ("ACGT", "TTTT", ["ACGT", "TTTT"])
    with pytest.raises(BundleError, match="sequence 2 has other characters than letters"):
        sequences[1]
    with pytest.raises(IndexError):
        sequences[3]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_the_folder_of_a_bundle_can_have_a_name_that_is_not_utf_8(index_bundle, tmp_path):
    """pyfastx ends the process if it gets such a name, and safetensors refuses it."""
    copy = Path(shutil.copytree(index_bundle, os.fsdecode(bytes(tmp_path) + b"/\xf6.bix")))
    made = (copy / "references.fasta.fxi").read_bytes()
    (copy / "references.fasta.fxi").unlink()
    index_sequences(copy / "references.fasta", FastaSequences(index_bundle / "references.fasta"))
    assert (copy / "references.fasta.fxi").read_bytes() == made
    read_index(copy, verify=True)
    assert load_model(copy / "model").fingerprint == load_model(index_bundle / "model").fingerprint


def test_an_index_of_pyfastx_that_is_damaged_is_an_error(tmp_path):
    path = tmp_path / "references.fasta"
    path.write_text(">a\nACGT\n>b\nGGGA\n")
    FastaSequences(path)
    check_fasta_index(path, 2, 8)
    for count, bases in ((3, 8), (2, 9)):
        with pytest.raises(OSError, match="references.fasta by pyfastx is not complete"):
            check_fasta_index(path, count, bases)
    path.with_suffix(".fasta.fxi").write_bytes(b"SQLite format 3\0" + b"x" * 500)
    with pytest.raises(OSError, match="by pyfastx is not complete: "):
        check_fasta_index(path, 2)


def lose_names(path: Path) -> None:
    """pyfastx leaves them out if the disk is full at that moment."""
    with closing(sqlite3.connect(path.with_suffix(".fasta.fxi"))) as database, database:
        database.execute("DROP INDEX chromidx")


def change_name(path: Path) -> None:
    names = b"\3\x0f\1b"  # a row of the index of names: lengths and types, and the name
    content = path.with_suffix(".fasta.fxi").read_bytes()
    assert names in content
    path.with_suffix(".fasta.fxi").write_bytes(content.replace(names, names[:-1] + b"c"))


@pytest.mark.parametrize(
    "damage, problem", [(lose_names, "no such index: chromidx"), (change_name, "is not complete$")]
)
def test_an_index_of_pyfastx_without_its_names_is_an_error(damage, problem, tmp_path):
    path = tmp_path / "references.fasta"
    path.write_text(">a\nACGT\n>b\nGGGA\n")
    index_sequences(path, ["ACGT", "GGGA"])
    damage(path)
    with pytest.raises(OSError, match=problem):
        index_sequences(path, ["ACGT", "GGGA"])


def damage_fasta_index(path: Path) -> None:
    path.with_suffix(".fasta.fxi").write_bytes(b"SQLite format 3\0" + b"x" * 500)


def move_sequence(path: Path) -> None:
    with closing(sqlite3.connect(path.with_suffix(".fasta.fxi"))) as database, database:
        database.execute("UPDATE seq SET boff = boff - 2")


def lose_sequence(path: Path) -> None:
    with closing(sqlite3.connect(path.with_suffix(".fasta.fxi"))) as database, database:
        database.execute("DELETE FROM seq WHERE ID = 2")


@pytest.mark.parametrize(
    "damage, problem",
    [
        (damage_fasta_index, "by pyfastx is not complete: "),
        (move_sequence, "sequence 1 has other characters than letters"),
        (lose_sequence, "has 2 sequences, but not in its index by pyfastx"),
    ],
)
def test_a_damaged_index_of_pyfastx_gives_no_sequence(damage, problem, tmp_path):
    """It can be damaged after the index was opened, or be opened without a check."""
    path = tmp_path / "references.fasta"
    path.write_text(">a\nACGT\n>b\nGGGA\n")
    sequences = FastaSequences(path)
    damage(path)
    with pytest.raises(BundleError, match=problem):
        sequences[0]


@pytest.mark.parametrize(
    "options, problem",
    [
        ({"min_bases": 0}, "min_bases is 0; it must be at least 1"),
        ({"read_errors": 0.5}, "read_errors is 0.5; it must be from 0 to 0.2"),
        ({"search": "fast"}, "search is 'fast'; it must be one of"),
        ({"prototypes": "species", "search": "quantised"}, "prototypes are searched exactly"),
        ({"amplicon": "leray", "primers": "ACGT,ACGT"}, "amplicon and primers are given"),
    ],
)
def test_an_option_out_of_range_is_an_error(options, problem):
    with pytest.raises(InputError, match=problem):
        BuildOptions(**options)


def test_prototypes_of_bins_need_bins():
    labelled = [
        (
            SequenceRecord("a", "".join(random.Random(1).choices("ACGT", k=200))),
            ("Animalia",) + (None,) * 6,
        )
    ]
    embedder = SimpleNamespace(max_bases=1_000, anchor=None)
    with pytest.raises(ReferenceDataError, match="no reference has a BIN in a column"):
        prepare(labelled, embedder, BuildOptions(prototypes="bin"), BuildReport())


def test_a_reference_without_a_vector_is_named():
    references = [SimpleNamespace(id="a"), SimpleNamespace(id="b")]
    check_vectors(np.ones((2, 3)), references, np.array([1, 0]))
    with pytest.raises(BundleError, match="gives reference b no finite, non-zero vector"):
        check_vectors(np.array([[np.nan], [1.0]]), references, np.array([1, 0]))


def test_the_model_of_an_index_is_found():
    def index(made_with: str, copy: Path | None = None) -> SimpleNamespace:
        return SimpleNamespace(model_path=copy, embedder_fingerprint=f"{made_with}:fp32:1")

    coi = json.loads((shipped_model() / "manifest.json").read_text())["fingerprint"]
    assert find_model(index(coi)) == shipped_model()
    assert find_model(index(coi, Path("copy"))) == Path("copy")
    assert find_model(index("abc"), "given") == Path("given")
    with pytest.raises(IndexMismatch, match=f"made with model abc .* is {coi}; give --model"):
        find_model(index("abc"))
