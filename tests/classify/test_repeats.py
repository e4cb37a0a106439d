"""Repeated reads are searched once, and named as if each were alone."""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest
from support import SIMULATED

from barcodeembed.classify import repeats
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.repeats import Repeats
from barcodeembed.classify.rows import row
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.sequences.reading import read_records
from barcodeembed.sequences.records import SequenceRecord

READS = list(islice(read_records(SIMULATED / "reads.fasta"), 12))


class Counted:
    """Counts how often each sequence is embedded."""

    def __init__(self, embedder):
        self.embedder, self.counts = embedder, Counter()

    def __getattr__(self, name):
        return getattr(self.embedder, name)

    def encode(self, sequences):
        self.counts.update(sequences)
        return self.embedder.encode(sequences)


@pytest.fixture
def classifier(index_bundle) -> Classifier:
    return Classifier.load(index_bundle, device="cpu")


def repeated() -> list[SequenceRecord]:
    """Make repeats that differ in all that is not the sequence: id, error rate, writing, strand."""
    rates = cycle((0.0, 0.01, 0.05))
    records = []
    for number in range(4):
        for record in READS:
            letters = record.sequence
            letters = (letters, letters.lower(), reverse_complement(letters))[number % 3]
            name, rate = f"{record.id}_{number}", next(rates)
            records.append(replace(record, id=name, sequence=letters, error_rate=rate))
    return records


@pytest.mark.parametrize("batch_size", [7, 2_048])
def test_each_row_is_that_of_the_record_alone(classifier, index_bundle, batch_size):
    alone = Classifier.load(index_bundle, device="cpu")
    alone._repeats = Repeats(most=0)
    records = repeated()
    wanted = [each for record in records for each in alone.classify([record])]
    found = list(classifier.classify(records, batch_size=batch_size))
    assert [a.query_id for a in found] == [record.id for record in records]
    assert [row(a, alone.ranks) for a in found] == [row(a, alone.ranks) for a in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert (one.vector is None) == (other.vector is None)
        assert one.vector is None or one.vector == pytest.approx(other.vector, abs=1e-6)


def test_the_error_rate_of_a_repeat_counts(classifier):
    clean, noisy = (replace(READS[1], error_rate=rate) for rate in (0.0, 0.1))
    one, again, other = classifier.classify([clean, clean, noisy])
    assert replace(one, query_id="") == replace(again, query_id="")
    assert one.nearest_id == other.nearest_id
    assert one.in_reference != other.in_reference


def test_a_sequence_is_embedded_once(classifier):
    counted = classifier.embedder = Counted(classifier.embedder)
    rows = list(classifier.classify(READS * 5, batch_size=10))
    assert len(rows) == 60 and set(counted.counts.values()) == {1}


def test_only_the_sequences_used_last_are_remembered():
    asked = []
    remembered = Repeats(most=2)

    def lower(new):
        asked.extend(new)
        return [sequence.lower() for sequence in new]

    def of(sequences):
        return remembered.of(sequences, lower)

    assert of(["A", "C", "A"]) == ["a", "c", "a"]
    assert of(["A", "G"]) == ["a", "g"]
    assert asked == ["A", "C", "G"]
    assert of(["A", "C"]) == ["a", "c"]
    assert asked == ["A", "C", "G", "C"]
    assert of([]) == []


def test_free_memory_is_returned_after_many_new_results(monkeypatch):
    returned = []
    monkeypatch.setattr(repeats, "return_free_memory", lambda: returned.append(1))
    remembered = Repeats()
    for first in range(0, 200, 10):
        remembered.of([str(number) for number in range(first, first + 10)], list)
    assert len(returned) == 2
    remembered.of([str(number) for number in range(200)], list)
    assert len(returned) == 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the C library of GNU")
def test_memory_between_small_results_is_returned():
    def megabytes() -> float:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1_000

    blocks = [bytearray(100_000) for _ in range(1_000)]
    blocks = blocks[::50]
    before = megabytes()
    repeats.return_free_memory()
    assert megabytes() < before - 50, len(blocks)
