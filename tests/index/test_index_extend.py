"""Records are added to an index that keeps its calibration."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from support import SIMULATED

from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index import edit, extend, large
from barcodeembed.index.build import build_index
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.index.collect import BuildReport
from barcodeembed.index.edit import add_records
from barcodeembed.sequences.cleaning import reverse_complement
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.references import read_labelled
from barcodeembed.vectors import quantised

pytestmark = pytest.mark.usefixtures("small_samples")

#: What is learned from the references, and can differ from that of a build of all records.
LEARNED = {"calibration", "orientation", "settings", "quantised"}


@pytest.fixture(scope="module")
def labelled():
    """Return labelled references; some are reverse-complemented, some in another family."""
    family, made = RANKS.index("family"), []
    records = islice(read_labelled(SIMULATED / "reference.fasta"), 200)
    for i, (record, taxa) in enumerate(records):
        if i % 20 == 3:
            record = replace(record, sequence=reverse_complement(record.sequence))
        if i % 30 == 7:
            taxa = (*taxa[:family], "Othernabupidae", *taxa[family + 1 :])
        made.append((record, taxa))
    return made


@pytest.fixture(scope="module")
def old(labelled):
    """Return an index of nine in ten of the references: neither the first nor the last ones."""
    return build_index([one for i, one in enumerate(labelled) if i % 10], KmerCounter(4))


@pytest.fixture(scope="module")
def grown(old, labelled):
    """Return this index with the other references, and what was reported."""
    report = BuildReport()
    index = add_records(
        old,
        [one for i, one in enumerate(labelled) if i % 10 == 0 or i < 30],
        KmerCounter(4),
        keep_calibration=True,
        report=report,
    )
    return index, report


def test_all_but_what_was_learned_is_that_of_a_build(grown, labelled):
    index, report = grown
    whole = build_index(labelled, KmerCounter(4))
    assert index.settings.calibrated < len(index.vectors) == len(whole.vectors)
    for name in set(ReferenceIndex.__dataclass_fields__) - LEARNED - {"kmers", "taxa", "sources"}:
        found, wanted = getattr(index, name), getattr(whole, name)
        if name == "sequences":
            found, wanted = list(found), list(wanted)
        assert np.array_equal(found, wanted) if isinstance(wanted, np.ndarray) else found == wanted
    for found, wanted in zip(index.kmers.postings, whole.kmers.postings, strict=True):
        assert np.array_equal(found, wanted)
    assert index.taxa.lineages == whole.taxa.lineages
    assert np.array_equal(index.taxa.codes, whole.taxa.codes)
    assert index.sources == whole.sources
    assert any(index.sources.source_lineage)
    assert report.reverse_complemented == sum(whole.sources.reverse_complemented) > 0
    assert (report.distinct, report.left_out["repeated"]) == (len(whole.vectors), 27)


def test_what_was_learned_is_kept(old, grown):
    index, report = grown
    assert report.embedded == len(index.vectors) - len(old.vectors)
    assert index.calibration == old.calibration
    assert np.array_equal(index.orientation, old.orientation)
    assert (
        replace(
            index.settings,
            records=old.settings.records,
            vectors=old.settings.vectors,
            calibrated=None,
        )
        == old.settings
    )


@pytest.fixture
def added(monkeypatch):
    """Return a function that adds records, and returns None if it calibrates again."""
    monkeypatch.setattr(edit, "_remake", lambda *args: None)
    return lambda index, records: add_records(index, records, KmerCounter(4), keep_calibration=True)


def test_an_index_that_has_grown_too_much_is_calibrated_again(old, labelled, added, monkeypatch):
    more = labelled[::10]
    index = added(old, more)
    assert index.settings.calibrated == len(old.vectors)
    growth = len(index.vectors) / len(old.vectors) - 1
    monkeypatch.setattr(extend, "MOST_GROWTH", growth - 0.001)
    assert added(old, more) is None
    monkeypatch.setattr(extend, "MOST_GROWTH", growth + 0.001)
    assert added(old, more) is not None
    # Growth counts from the last calibration.
    older = replace(old, settings=replace(old.settings, calibrated=len(old.vectors) - 5))
    assert added(older, more) is None


def test_names_at_another_rank_need_another_calibration(old, labelled, added):
    record, taxa = labelled[0]
    subfamily = RANKS.index("subfamily")
    assert not any(names[subfamily] for names in old.taxa.lineages)
    named = (*taxa[:subfamily], "Novinae", *taxa[subfamily + 1 :])
    assert added(old, [(record, taxa)]) is not None
    assert added(old, [(record, named)]) is None


@pytest.fixture
def clustered(old, monkeypatch):
    """Return the index with a quantised search."""
    monkeypatch.setattr(quantised, "_SPARE", 10)
    monkeypatch.setattr(quantised, "_SMALLEST", 24)
    own = np.arange(0, len(old.vectors), 2)
    made, search = large.make_quantised(old.vectors, old.vectors[own], own, seed=0)
    return replace(old, quantised=made, settings=replace(old.settings, search=search))


def test_the_clusters_are_kept_and_the_recall_is_measured_again(
    clustered, grown, labelled, monkeypatch
):
    added = add_records(clustered, labelled[::10], KmerCounter(4), keep_calibration=True)
    assert np.array_equal(added.quantised.centres, clustered.quantised.centres)
    assert len(added.quantised.rows) == len(added.vectors)
    assert added.settings.search.margin == added.quantised.margin
    assert large.LEAST_RECALL <= added.settings.search.recall <= 1
    asked = np.array(added.vectors[::7])
    assert np.array_equal(added.search(asked).rows, added.search(asked, exact=True).rows)


def test_a_margin_that_finds_too_few_is_chosen_again(clustered, labelled):
    hasty = replace(clustered, quantised=replace(clustered.quantised, margin=0.0))
    report = BuildReport()
    add_records(hasty, labelled[::10], KmerCounter(4), keep_calibration=True, report=report)
    assert report.search.margin > 0


def test_a_search_that_finds_too_few_is_exact(clustered, labelled, monkeypatch):
    monkeypatch.setattr(extend, "LEAST_RECALL", 1.1)
    report = BuildReport()
    added = add_records(
        clustered, labelled[::10], KmerCounter(4), keep_calibration=True, report=report
    )
    assert (added.quantised, added.settings.search) == (None, None)
    assert report.search is not None


def test_the_command_writes_and_reads_it(model_bundle, call, tmp_path):
    lines = (SIMULATED / "reference.fasta").read_text().splitlines(True)
    some, more = tmp_path / "some.fasta", tmp_path / "more.fasta"
    some.write_text("".join(lines[:120]))
    more.write_text("".join(lines[120:132]))
    built = call(
        "index", "build", some, "-m", model_bundle, "--whiten", "0", "-o", tmp_path / "x.bix"
    )
    assert built.code == 0
    words = ("index", "add", tmp_path / "x.bix", more, "--keep-calibration")
    made = call(*words, "-o", tmp_path / "y.bix")
    assert (made.code, "calibrated again" in made.err) == (0, False)
    old, new = (ReferenceIndex.open(tmp_path / name) for name in ("x.bix", "y.bix"))
    assert new.settings.calibrated == len(old.vectors) < len(new.vectors)
    assert new.calibration == old.calibration
    described = call("info", tmp_path / "y.bix").out
    assert f"calibrated              {len(old.vectors)}\n" in described
    assert call("classify", more, "-i", tmp_path / "y.bix", "-q").code == 0
    more.write_text("".join(lines[120:180]))
    made = call(*words, "-o", tmp_path / "z.bix")
    assert made.code == 0
    assert "calibrated again: the index has grown by more than a fifth" in made.err
