"""The public methods of an embedder; the vectors are tested in tests/model."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from support import SIMULATED

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.embedding.tokens import buckets
from barcodeembed.errors import BundleError, InputError
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.reading import read_records
from barcodeembed.vectors.normalise import normalise

READS = SIMULATED / "reads.fasta"
SEQUENCES = [record.sequence for record in read_records(READS)]
BARCODE = next(s for s in SEQUENCES if len(s) == 658 and "N" not in s)


@pytest.fixture(scope="module")
def embedder(model_bundle) -> Embedder:
    return Embedder.load(model_bundle, device="cpu")


def test_a_vector_per_sequence_at_unit_length(embedder):
    vectors = embedder.embed([BARCODE, BARCODE[:300]])
    assert vectors.shape == (2, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])


def test_one_sequence_is_one_row(embedder):
    assert np.array_equal(embedder.embed(BARCODE), embedder.embed([BARCODE]))


def test_without_normalising_the_vectors_are_those_of_encode(embedder):
    raw = embedder.encode([BARCODE])
    assert embedder.embed(BARCODE, normalise=False).tobytes() == raw.tobytes()
    assert embedder.embed(BARCODE).tobytes() == normalise(raw).tobytes()


@pytest.mark.parametrize(
    "written",
    [
        BARCODE.lower(),
        BARCODE.replace("T", "U"),
        f"{BARCODE[:100]}---{BARCODE[100:]}..",
        f"{BARCODE[:60]}\n{BARCODE[60:]}\n",
    ],
    ids=["lower case", "RNA", "gaps", "lines"],
)
def test_the_way_of_writing_does_not_matter(embedder, written):
    assert np.array_equal(embedder.embed(written), embedder.embed(BARCODE))
    assert np.array_equal(embedder.embed([written]), embedder.embed(BARCODE))


def test_orientation_only_where_asked(embedder, index_bundle):
    index = ReferenceIndex.open(index_bundle)
    other = reverse_complement(BARCODE)
    plain = embedder.embed([BARCODE, other])
    assert not np.allclose(plain[0], plain[1])
    oriented = embedder.embed([BARCODE, other], orient=index)
    assert np.array_equal(oriented[0], oriented[1])
    assert np.array_equal(oriented[0], plain[0])


def test_orientation_by_the_references_that_ship(embedder):
    coi = "TAATATTAGGAGCTCCTGATATAGCATTTCCTCGTATAAATAATATAAGATTTTGATTATTACCTCCATCATTAACTCTA" * 2
    plain = embedder.embed(coi)
    for strand in (coi, reverse_complement(coi)):
        assert np.array_equal(embedder.embed(strand, orient=True), plain)
    with pytest.raises(InputError, match="orient must be True, False or an index, not .* str"):
        embedder.embed(coi, orient="auto")


def test_a_file_and_its_records_have_the_same_vectors(embedder):
    of_file = embedder.embed(READS, errors="nan")
    assert of_file.shape == (120, embedder.dimension)
    assert np.isnan(of_file).all(1).sum() == 2
    of_records = embedder.embed(list(read_records(READS)), errors="nan")
    assert of_file.tobytes() == of_records.tobytes()
    assert of_file.tobytes() == embedder.embed(str(READS), errors="nan").tobytes()


@pytest.mark.parametrize(
    "sequence, reason",
    [
        ("ACGT", "it has fewer than 100 unambiguous bases"),
        ("----", "it has no bases"),
        ("A" * 300, "or it is a simple repeat"),
        ("ACGGATTCTAGCATTCAGG" * 1_100, "it is longer than 1,731 bases"),
    ],
)
def test_a_sequence_without_a_vector_is_an_error_or_a_row_of_nan(embedder, sequence, reason):
    with pytest.raises(InputError) as caught:
        embedder.embed([BARCODE, sequence])
    assert str(caught.value).startswith("sequence_2 cannot be embedded: ")
    assert reason in str(caught.value)
    assert "errors='nan'" in str(caught.value)
    vectors = embedder.embed([BARCODE, sequence], errors="nan")
    assert np.isfinite(vectors[0]).all()
    assert np.isnan(vectors[1]).all()


def test_shorter_sequences_can_be_allowed(embedder):
    assert np.isfinite(embedder.embed(BARCODE[:60], min_bases=50)).all()


@pytest.mark.parametrize(
    ("length", "device", "shape"),
    [
        (5, "cpu", (128, 8)),
        (110, "cpu", (9, 112)),
        (110, "cuda", (2048, 112)),
        (1000, "cuda", (260, 1008)),
    ],
)
def test_micro_batches_have_one_shape_and_are_large_on_a_gpu(length, device, shape):
    lengths = [length] * 3_000 + [0]
    found = list(buckets(lengths, 2_000, device))
    assert {size for _, size in found} == {shape}
    assert [row for rows, _ in found for row in rows] == list(range(3_000))
    assert max(len(rows) for rows, _ in found) == shape[0]


def test_no_sequences_are_no_rows(embedder):
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_an_unknown_way_to_treat_errors_is_an_error(embedder):
    with pytest.raises(InputError, match="errors must be 'raise' or 'nan', not 'ignore'"):
        embedder.embed(BARCODE, errors="ignore")


def test_progress_is_shown_or_reported(embedder, capsys):
    seen: list[tuple[int, int]] = []
    embedder.embed([BARCODE] * 3, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 3)]
    assert capsys.readouterr() == ("", "")
    embedder.embed([BARCODE] * 3, progress=True)
    assert capsys.readouterr() == ("", "\rembedding: 3 of 3\n")
    embedder.embed(READS, errors="nan", progress=True)
    assert capsys.readouterr().err == "\rembedding: 120\n"


def test_an_embedder_says_what_it_is(embedder, model_bundle):
    assert embedder.path == model_bundle
    assert repr(embedder) == (
        f"<Embedder: tiny, {embedder.dimension} dimensions, up to 1,731 bases, "
        "device=cpu, precision=fp32, offsets=1>"
    )
    assert embedder.fingerprint.endswith(":fp32:1")
    assert repr(Embedder(embedder.model, device="cpu")).startswith("<Embedder: 64 dimensions")


def test_a_missing_model_is_an_error():
    with pytest.raises(BundleError, match="nowhere: does not exist"):
        Embedder.load(Path("nowhere"))


# scikit-learn.


def test_an_embedder_is_a_step_of_a_pipeline(embedder):
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    records = [r for r in read_records(SIMULATED / "reference.fasta") if len(r.sequence) == 658]
    sequences = [record.sequence for record in records[:40]]
    labels = ["first" if i < 20 else "second" for i in range(40)]
    pipeline = make_pipeline(embedder, KNeighborsClassifier(1))
    assert pipeline.fit(sequences, labels).predict(sequences[:3] + sequences[-2:]).tolist() == (
        ["first"] * 3 + ["second"] * 2
    )
    assert len(cross_val_score(pipeline, sequences, labels, cv=2)) == 2
    assert pipeline[:-1].get_feature_names_out().tolist()[:2] == ["d1", "d2"]
    assert "Embedder" in repr(pipeline) and "Embedder" in pipeline._repr_html_()
    copied = clone(pipeline)[0]
    assert copied is not embedder
    assert copied.model is embedder.model
    assert copied.path == embedder.path
    assert np.array_equal(copied.transform(sequences[:2]), embedder.transform(sequences[:2]))


def test_parameters_can_be_read_and_set(model_bundle):
    embedder = Embedder.load(model_bundle, device="cpu")
    assert embedder.get_params() == {
        "device": "cpu",
        "path": model_bundle,
        "precision": "fp32",
        "offsets": 1,
    }
    assert embedder.set_params(offsets=2) is embedder
    assert embedder.fingerprint == Embedder.load(model_bundle, offsets=2).fingerprint
    wanted = Embedder.load(model_bundle, device="cpu", offsets=2).embed(BARCODE)
    assert np.array_equal(embedder.fit([BARCODE]).transform([BARCODE]), wanted)
    with pytest.raises(InputError, match="an embedder has no option width; it has device, "):
        embedder.set_params(width=3)


def test_importing_the_embedder_does_not_import_scikit_learn(run):
    import subprocess
    import sys

    script = "import sys, barcodeembed.embedding.embedder; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


# torch 2.4 warns when a tensor is unpickled.
@pytest.mark.filterwarnings("ignore:.*torch.load.*:FutureWarning")
def test_an_embedder_can_be_pickled(embedder):
    copied = pickle.loads(pickle.dumps(embedder))
    assert np.array_equal(copied.embed(BARCODE), embedder.embed(BARCODE))
