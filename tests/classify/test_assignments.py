"""The results of a classifier as Python objects and as a table."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import SIMULATED

from barcodeembed.classify.assignment import Assignment
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.embedding.embedder import Embedder
from barcodeembed.errors import BundleError, IndexMismatch, InputError
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.reading import read_records

READS = SIMULATED / "reads.fasta"
RECORDS = list(read_records(READS))
BARCODE = RECORDS[1].sequence


@pytest.fixture(scope="module")
def classifier(index_bundle) -> Classifier:
    return Classifier.load(index_bundle, device="cpu")


def test_one_sequence_is_one_assignment(classifier):
    (assignment,) = classifier.classify(BARCODE)
    assert isinstance(assignment, Assignment)
    assert assignment.query_id == "sequence_1"
    (record,) = classifier.classify(RECORDS[1])
    assert record.query_id == "read_002"
    assert record.names == assignment.names


def test_the_ways_to_give_queries_are_equal(classifier):
    wanted = list(classifier.classify(READS))
    assert len(wanted) == 120
    for queries in (str(READS), RECORDS, iter(RECORDS)):
        assert list(classifier.classify(queries)) == wanted
    by_sequence = classifier.classify([record.sequence for record in RECORDS[:5]])
    assert [a.names for a in by_sequence] == [a.names for a in wanted[:5]]


def test_the_strand_and_the_way_of_writing_do_not_matter(classifier):
    (wanted,) = classifier.classify(BARCODE)
    written = [BARCODE.lower(), f"{BARCODE[:50]}--{BARCODE[50:]}", reverse_complement(BARCODE)]
    for assignment in classifier.classify(written):
        assert (assignment.taxon, assignment.confidence) == (wanted.taxon, wanted.confidence)
        assert assignment.vector == pytest.approx(wanted.vector, abs=1e-5)


def test_the_table_is_that_of_the_command(classifier, index_bundle, call):
    written = call("classify", READS, "-i", index_bundle, "-q").out
    wanted = pd.read_csv(io.StringIO(written), sep="\t", dtype={"overlap": "Int64"})
    frame = classifier.classify(READS).to_frame()
    assert frame.columns.tolist() == wanted.columns.tolist()
    missing = frame.isna()
    assert missing.equals(wanted.isna())
    shown = [table.astype(object).mask(missing, "-") for table in (frame, wanted)]
    pd.testing.assert_frame_equal(*shown, rtol=0, atol=5.1e-5)
    assert frame["confidence"].dtype == frame["species_confidence"].dtype == np.float64
    assert frame["length"].dtype == np.int64
    assert frame["overlap"].dtype == "Int64"


def test_a_table_without_queries_has_the_columns(classifier):
    frame = classifier.classify([]).to_frame()
    assert len(frame) == 0
    assert frame.columns[0] == "query_id"


def test_assignments_can_be_read_twice_unless_they_came_from_an_iterator(classifier):
    assignments = classifier.classify(RECORDS[:3])
    assert list(assignments) == list(assignments)
    once = classifier.classify(iter(RECORDS[:3]))
    assert len(once.to_frame()) == 3
    with pytest.raises(InputError, match="were already read; give a list or a path"):
        once.to_frame()


def test_assignments_are_made_as_they_are_read(classifier):
    read = 0

    def records():
        nonlocal read
        for record in RECORDS:
            read += 1
            yield record

    stream = iter(classifier.classify(records(), batch_size=2))
    assert read == 0
    next(stream)
    assert read == 2


def test_what_cannot_be_classified_is_an_error_at_once(classifier):
    with pytest.raises(InputError, match="'hello world' is neither a DNA sequence nor an existing"):
        classifier.classify("hello world")
    with pytest.raises(InputError, match="sequence 2: character 'e' is not a nucleotide"):
        list(classifier.classify([BARCODE, "hello world"]))


def test_representations_say_what_an_object_is(classifier):
    assert repr(classifier).startswith("<Classifier: <ReferenceIndex: 605 records, ")
    assert repr(classifier.classify(READS)) == (
        f"<Assignments of {READS}: iterate, or call to_frame()>"
    )
    assert classifier.ranks[-1] == "species"


# Loading.


def test_a_classifier_can_be_loaded_from_an_open_index(classifier, index_bundle, model_bundle):
    index = ReferenceIndex.open(index_bundle)
    (wanted,) = classifier.classify(BARCODE)
    for source, model in (
        (index, None),
        (index, model_bundle),
        (index, Embedder.load(model_bundle, offsets=None)),
        (str(index_bundle), None),
        (index_bundle, model_bundle),
        (index_bundle, Embedder.load(model_bundle, offsets=None)),
    ):
        assert list(Classifier.load(source, model).classify(BARCODE)) == [wanted]


def test_options_reach_the_classifier(index_bundle):
    classifier = Classifier.load(index_bundle, min_confidence=0.2, neighbours=3)
    assert classifier.confidence_threshold.tolist() == [0.2] * len(classifier.ranks)
    (assignment,) = classifier.classify(BARCODE)
    assert len(assignment.hits) == 3


def test_another_model_is_an_error(index_bundle):
    with pytest.raises(IndexMismatch, match="give the model that made it, or build it again"):
        Classifier.load(index_bundle, Embedder.load())


def test_a_missing_index_is_an_error():
    with pytest.raises(BundleError, match="nowhere.bix: does not exist"):
        Classifier.load(Path("nowhere.bix"))
