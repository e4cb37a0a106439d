"""Whole barcodes are found by shared k-mers where vectors say too little."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import pytest
from support import SIMULATED

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index import fit
from barcodeembed.index.build import build_index
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.fit import lengths, make_fragments
from barcodeembed.sequences.reading import read_records
from barcodeembed.taxonomy.references import read_labelled

pytestmark = pytest.mark.usefixtures("small_samples")


@dataclass(frozen=True)
class Anchored(KmerCounter):
    """A maker of vectors that claims to know positions in the marker."""

    anchor: str = "some"


@pytest.fixture(scope="module")
def labelled():
    return list(islice(read_labelled(SIMULATED / "reference.fasta"), 0, None, 3))


def correct(index: ReferenceIndex) -> int:
    """Return how many reads get the name of their genus."""
    truth = {record.id: lineage[-2] for record, lineage in read_labelled(SIMULATED / "reads.tsv")}
    classifier = Classifier(index, KmerCounter(1), min_confidence=0.0, genetic_code=None)
    genus = classifier.ranks.index("genus")
    named = classifier.classify(read_records(SIMULATED / "reads.fasta"))
    return sum(bool(a.names) and a.names[genus] == truth.get(a.query_id, "") for a in named)


def test_nearly_all_references_of_a_varying_length_are_complete():
    """A fragment is shorter than nine tenths of a complete barcode."""
    references = ["A" * n for n in range(100, 301)]
    assert lengths(references, anchored=True) == (200, 200)
    median, complete = lengths(references, anchored=False)
    assert median == 200 and 0.9 * complete == pytest.approx(110, abs=0.1)
    same = ["A" * 658] * 20
    assert lengths(same, anchored=False) == (658, 658)


def test_kmers_find_whole_barcodes_if_the_vectors_do_not(labelled, tmp_path):
    """Counts of single bases hardly differ between species."""
    index = build_index(labelled, KmerCounter(1), whiten=0)
    assert index.settings.kmers_for_all
    index.save(tmp_path / "poor.bix", None)
    again = ReferenceIndex.open(tmp_path / "poor.bix")
    assert again.settings.kmers_for_all
    by_vectors = build_index(labelled, Anchored(1), whiten=0)
    assert not by_vectors.settings.kmers_for_all
    # Without positions in the marker, complete barcodes can be short.
    assert (index.settings.min_bases, by_vectors.settings.min_bases) == (50, 100)
    assert correct(again) > 1.2 * correct(by_vectors)


def test_confidence_is_learned_from_several_fragments_of_each_barcode(labelled, monkeypatch):
    monkeypatch.setattr(fit, "_FRAGMENTS", 3)
    made = []

    def keep(*arguments) -> fit.Reads:
        made.append(make_fragments(*arguments))
        return made[-1]

    monkeypatch.setattr(fit, "make_fragments", keep)
    index = build_index(labelled, KmerCounter(1), whiten=0)
    assert len(made) == 3
    whole = {len(bases) for bases in index.sequences}
    for barcode in zip(*(reads.bases for reads in made), strict=True):
        assert len(set(barcode)) == 3 and max(map(len, barcode)) < max(whole)
