"""Reads are searched for by several processes, and named as by one."""

from __future__ import annotations

import multiprocessing
import os
import signal
from itertools import islice

import pytest
from support import SIMULATED

from barcodeembed.classify import pipeline, workers
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.rows import row
from barcodeembed.errors import BarcodeEmbedError, InputError
from barcodeembed.sequences.reading import read_records

READS = list(islice(read_records(SIMULATED / "reads.fasta"), 24))

pytestmark = pytest.mark.skipif(not workers.can_fork(), reason="needs processes that are copies")


@pytest.fixture(scope="module")
def loaded(index_bundle) -> Classifier:
    return Classifier.load(index_bundle, device="cpu")


@pytest.fixture
def classifier(loaded, monkeypatch) -> Classifier:
    """Return a classifier that uses two processes, also for few reads."""
    monkeypatch.setattr(pipeline, "_MANY_READS", 1)
    monkeypatch.setattr(workers, "_LEAST", 2)
    monkeypatch.setattr(loaded, "processes", 2)
    loaded._repeats.forget()
    return loaded


def test_rows_are_those_of_one_process(classifier, monkeypatch):
    wanted = [row(a, classifier.ranks) for a in classifier.classify(READS + READS, batch_size=7)]
    assert not multiprocessing.active_children()
    monkeypatch.setattr(classifier, "processes", 1)
    classifier._repeats.forget()
    assert [row(a, classifier.ranks) for a in classifier.classify(READS + READS)] == wanted


def test_this_process_searches_if_there_are_few_reads_or_the_device_is_another(
    classifier, monkeypatch
):
    asked = []
    monkeypatch.setattr(classifier, "_search", lambda bases: asked.append(bases) or 1 / 0)
    monkeypatch.setattr(pipeline, "_MANY_READS", 25)
    with pytest.raises(ZeroDivisionError):
        list(classifier.classify(READS))
    monkeypatch.setattr(pipeline, "_MANY_READS", 24)
    monkeypatch.setattr(workers, "can_fork", lambda: False)
    monkeypatch.setattr(pipeline, "can_fork", lambda: False)
    with pytest.raises(ZeroDivisionError):
        list(classifier.classify(READS))
    assert len(asked) == 2


def test_rows_before_an_error_in_the_input_come_first(classifier):
    def records():
        yield from READS[:11]
        raise InputError("is damaged")

    named = []
    with pytest.raises(InputError, match="is damaged"):
        for assignment in classifier.classify(records(), batch_size=5):
            named.append(assignment.query_id)
    assert named == [record.id for record in READS[:10]]
    assert not multiprocessing.active_children()


def test_after_a_caller_who_wants_no_more_all_is_searched_again(classifier):
    stream = iter(classifier.classify(READS, batch_size=3))
    first = next(stream)
    stream.close()
    assert not multiprocessing.active_children()
    again = list(classifier.classify(READS, batch_size=3))
    assert (again[0], len(again)) == (first, 24)


def test_an_error_of_a_process_is_that_of_the_run(classifier, monkeypatch):
    def fail(bases):
        raise BarcodeEmbedError("references.fasta: is damaged")

    monkeypatch.setattr(classifier, "_search", fail)
    with pytest.raises(BarcodeEmbedError, match=r"^references.fasta: is damaged$"):
        list(classifier.classify(READS))


def test_a_process_that_was_killed_is_an_error(classifier, monkeypatch):
    monkeypatch.setattr(classifier, "_search", lambda bases: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(BarcodeEmbedError, match="a process that searches was killed"):
        list(classifier.classify(READS))
