"""Contaminants among the references of an index, and among the reads that are classified."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest
from support import SIMULATED

from barcodeembed.calibration.examples import add_sequencing_errors
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.cli.messages import warn_of_build
from barcodeembed.curation.run import audit
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index import collect
from barcodeembed.index.build import build_index
from barcodeembed.index.collect import BuildReport
from barcodeembed.sequences import decoys
from barcodeembed.sequences.decoys import Decoy, sketch_bases
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import lineage
from barcodeembed.taxonomy.references import read_labelled

pytestmark = pytest.mark.usefixtures("small_samples")

GENE = "".join(random.Random(7).choices("ACGT", k=658))
INSECT = {"kingdom": "Animalia", "class": "Insecta", "order": "Mockoptera", "species": "Aus bus"}
HUMAN = {"kingdom": "Animalia", "class": "Mammalia", "order": "Primates", "species": "Homo sapiens"}


@pytest.fixture(autouse=True)
def one_decoy(monkeypatch):
    taxa, above = frozenset({"Homo sapiens", "Primates"}), frozenset({"Mammalia", "Animalia"})
    decoy = Decoy("human", taxa, above, False, 0.42, 0.0, sketch_bases([GENE]))
    monkeypatch.setattr(decoys, "load_decoys", lambda path: (decoy,))
    decoys.known_decoys.cache_clear()
    yield decoy
    decoys.known_decoys.cache_clear()


def record(name: str, names: dict[str, str], seed: int):
    bases = add_sequencing_errors(GENE, 0.01, np.random.default_rng(seed))
    return SequenceRecord(name, bases), lineage(names)


def references(**more: dict[str, str]):
    labelled = list(read_labelled(SIMULATED / "reference.fasta"))[:60]
    return labelled + [record(name, names, i) for i, (name, names) in enumerate(more.items())]


def build(report: BuildReport | None = None, **more: dict[str, str]):
    return build_index(references(**more), KmerCounter(5), report=report)


def test_a_contaminant_with_another_name_is_left_out_and_listed(capsys):
    report = BuildReport()
    index = build(report, false_1=INSECT, true=HUMAN, vague={"class": "Mammalia"}, false_2=INSECT)
    assert report.contaminants == ["false_1", "false_2"]
    assert report.left_out["contaminant"] == 2
    assert report.used == len(index.record_ids) == 62
    assert {"true", "vague"} <= set(index.record_ids)
    warn_of_build(report)
    assert "false_1, false_2" in capsys.readouterr().err


def test_the_audit_lists_contaminants_of_older_indexes(monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(collect, "known_decoys", tuple)
        index = build(false=INSECT, true=HUMAN)
    (found,) = [finding for finding in audit(index) if finding.kind == "contaminant"]
    assert (found.records, found.rank, found.name) == (("false",), "species", "Aus bus")
    assert (found.other_name, found.strength, found.agreement) == ("human", 1.0, None)
    assert found.row()[0] == "contaminant"
    assert "NA" in found.row()


@cache
def with_human(has_human: bool):
    return build(**({"one": HUMAN, "two": HUMAN} if has_human else {}))


@pytest.mark.parametrize("length", [130, 313, 658])
@pytest.mark.parametrize("has_human", [False, True])
def test_a_contaminating_read_is_named_only_if_the_index_has_its_taxon(length, has_human):
    classifier = Classifier(with_human(has_human), KmerCounter(5), min_confidence=0.0)
    read = add_sequencing_errors(GENE[:length], 0.01, np.random.default_rng(99))
    known = list(read_labelled(SIMULATED / "reference.fasta"))[0][0].sequence
    human, other = classifier.classify([read, known])
    assert human.flags[-1] == "contaminant"
    assert (human.status == "unclassifiable") is not has_human
    assert ("Homo sapiens" in human.names) is has_human
    assert "contaminant" not in other.flags
    assert other.status != "unclassifiable"
