"""The public Python API: names, documentation, and use in a notebook."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
from support import SIMULATED

import barcodeembed as be

pytestmark = pytest.mark.usefixtures("small_samples")

NAMES = [name for name in be.__all__ if name != "__version__"]


def test_the_names_are_a_contract():
    assert NAMES == [
        "Assignment",
        "Assignments",
        "BarcodeEmbedError",
        "Classifier",
        "Embedder",
        "InputError",
        "PretrainConfig",
        "ReferenceIndex",
        "SequenceRecord",
        "audit",
        "build_index",
        "evaluate",
        "pretrain",
        "read_labelled",
        "read_records",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_documented_with_an_example(name):
    documentation = inspect.getdoc(getattr(be, name))
    assert documentation
    assert ">>> import barcodeembed" in documentation


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(be.__file__).read_text())
    imported = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {name: f"barcodeembed.{module}" for name, module in be._API.items()}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'barcodeembed' has no attribute 'classify_"):
        be.classify_everything  # noqa: B018


def test_a_notebook_from_references_to_a_table(model_bundle, tmp_path):
    embedder = be.Embedder.load(model_bundle)
    be.build_index(SIMULATED / "reference.fasta", embedder).save(tmp_path / "simulated.bix")
    index = be.ReferenceIndex.open(tmp_path / "simulated.bix")
    frame = be.Classifier.load(index).classify(SIMULATED / "reads.fasta").to_frame()
    assert len(frame) == 120
    reads = SIMULATED / "reads.fasta"
    # The index of this untrained model is whitened, so it takes vectors as the model makes them.
    vectors = embedder.embed(reads, orient=index, normalise=False, errors="nan")
    similarities, rows = index.search(vectors, k=10)
    named = frame.dropna(subset="similarity")
    closest = similarities.max(1)[named.index]
    assert (named["similarity"].to_numpy() <= closest + 1e-4).all()
    assert rows.shape == (120, 10)
    assert 0 < len(be.audit(index).to_frame()) < 605


def test_pretraining_from_python(tmp_path):
    out = be.pretrain(
        SIMULATED / "reference.fasta", out=tmp_path / "model", preset="tiny", steps=2, batch_size=8
    )
    assert be.Embedder.load(out).embed(SIMULATED / "reference.fasta").shape == (605, 64)
    with pytest.raises(be.InputError, match="unexpected keyword argument 'step'.*PretrainConfig"):
        be.pretrain(SIMULATED / "reference.fasta", out=tmp_path / "other", step=2)


# Mistakes of new users that gave no error.


@pytest.fixture(scope="module")
def embedder() -> be.Embedder:
    return be.Embedder.load()


@pytest.fixture(scope="module")
def barcode() -> str:
    return next(be.read_records(SIMULATED / "reference.fasta")).sequence


def test_a_bare_string_is_one_sequence(embedder, barcode):
    assert embedder.embed(barcode).shape == (1, embedder.dimension)


def test_text_that_is_not_dna_is_an_error(embedder):
    for text in ("hello world", ["hello world"]):
        with pytest.raises(be.InputError, match="is neither a DNA sequence|is not a nucleotide"):
            embedder.embed(text)


def test_gaps_do_not_change_a_vector(embedder, barcode):
    gapped = barcode[:100] + "---" + barcode[100:300] + "." * 40 + barcode[300:]
    first, second = embedder.embed([barcode, gapped])
    np.testing.assert_array_equal(first, second)


def test_a_reverse_complement_has_the_same_vector_where_asked(embedder, coi):
    record = next(be.read_records(coi / "mini" / "reference.tsv.gz"))
    complement = record.sequence.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    first, second = embedder.embed([record.sequence, complement], orient=True)
    np.testing.assert_array_equal(first, second)


def test_vectors_have_unit_length(embedder):
    norms = np.linalg.norm(embedder.embed(SIMULATED / "reads.fasta", errors="nan"), axis=1)
    np.testing.assert_allclose(norms[np.isfinite(norms)], 1, atol=1e-6)
    assert np.isfinite(norms).mean() > 0.9
