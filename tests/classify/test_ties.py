"""Barcodes that several species share: the reference cannot tell which species a query is."""

from __future__ import annotations

import numpy as np
import pytest
from support import SIMULATED, rows_of, run_here

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.scoring.features import Neighbours
from barcodeembed.scoring.identity import Identities
from barcodeembed.scoring.ties import best_hits
from barcodeembed.scoring.vote import Members, supported
from barcodeembed.sequences.reading import read_records

pytestmark = pytest.mark.usefixtures("small_samples")

RECORDS = list(read_records(SIMULATED / "reference.fasta"))


def lineage(record) -> list[str]:
    return record.id.partition("tax=")[2].rstrip(";").split(",")


def with_names(record, names: list[str], number: int, bases: str | None = None) -> str:
    name = f"{record.id.partition(';')[0]}_{number}"
    return f">{name};tax={','.join(names)};\n{bases or record.sequence}\n"


def other_species(record) -> list[str]:
    return [*lineage(record)[:-1], lineage(record)[-1].split("_")[0] + "_twinensis"]


def other_genus(record) -> list[str]:
    return [*lineage(record)[:-2], "g:Twinella", "s:Twinella_twinensis"]


@pytest.fixture(scope="module")
def cases():
    """Return barcodes, one of each species, long enough that no other barcode contains them."""
    found = {}
    for record in RECORDS:
        if len(record.sequence) > 600:
            found.setdefault(lineage(record)[-1], record)
    names = "twins", "genera", "minority", "pair", "unnamed", "long"
    return dict(zip(names, found.values(), strict=False))


@pytest.fixture(scope="module")
def reference(cases, tmp_path_factory):
    made = [f">{record.id}\n{record.sequence}\n" for record in RECORDS]
    made.append(with_names(cases["twins"], other_species(cases["twins"]), 1))
    made.append(with_names(cases["genera"], other_genus(cases["genera"]), 1))
    for n in range(20):
        made.append(with_names(cases["minority"], lineage(cases["minority"]), n))
        made.append(with_names(cases["pair"], lineage(cases["pair"]), n))
    made.append(with_names(cases["minority"], other_species(cases["minority"]), 90))
    for n in (90, 91):
        made.append(with_names(cases["pair"], other_species(cases["pair"]), n))
    made.append(with_names(cases["unnamed"], lineage(cases["unnamed"])[:-1], 1))
    longer = cases["long"].sequence + "ACGTTGCAAC"
    made.append(with_names(cases["long"], other_species(cases["long"]), 1, longer))
    path = tmp_path_factory.mktemp("ties") / "reference.fasta"
    path.write_text("".join(made))
    return path


@pytest.fixture(scope="module")
def classifier(reference, model_bundle):
    index = reference.with_suffix(".bix")
    assert run_here("index", "build", reference, "-m", model_bundle, "-o", index) == 0
    return Classifier.load(index, device="cpu")


@pytest.fixture(scope="module")
def answers(classifier, cases):
    found = classifier.classify([record.sequence for record in cases.values()])
    return dict(zip(cases, found, strict=True))


def species(record) -> str:
    return lineage(record)[-1][2:].replace("_", " ")


def test_a_barcode_of_two_species_is_ambiguous_at_their_genus(answers, cases):
    answer, name = answers["twins"], species(cases["twins"])
    assert (answer.status, answer.rank) == ("ambiguous", "genus")
    assert answer.taxon == name.split()[0]
    assert answer.names[-1] is None
    assert set(answer.tied_taxa) == {name, f"{answer.taxon} twinensis"}


def test_a_barcode_of_two_genera_is_ambiguous_at_their_family(answers, cases):
    answer = answers["genera"]
    assert (answer.status, answer.rank) == ("ambiguous", "family")
    assert answer.names[-2:] == (None, None)
    assert len(answer.tied_taxa) == 2


def test_one_record_among_twenty_of_another_species_is_no_tie(answers, cases):
    answer = answers["minority"]
    assert (answer.status, answer.taxon) == ("assigned", species(cases["minority"]))
    assert answer.tied_taxa == ()


def test_two_records_among_twenty_are_a_tie(answers, cases):
    answer = answers["pair"]
    assert (answer.status, answer.rank) == ("ambiguous", "genus")
    assert answer.tied_taxa[0] == species(cases["pair"])


def test_a_record_without_a_species_is_no_tie(answers, cases):
    answer = answers["unnamed"]
    assert (answer.status, answer.taxon) == ("assigned", species(cases["unnamed"]))
    assert answer.tied_taxa == ()


def test_references_that_differ_outside_the_query_are_a_tie(classifier, answers, cases):
    if not classifier.finder.whole.identity:
        pytest.skip("only the first hit is aligned")
    assert answers["long"].status == "ambiguous"
    assert len(answers["long"].tied_taxa) == 2


def test_the_column_counts_the_tied_taxa(classifier, reference, cases, call, tmp_path):
    reads = tmp_path / "reads.fasta"
    reads.write_text(
        "".join(f">{name}\n{record.sequence}\n" for name, record in cases.items())
        + ">short\nACGT\n"
    )
    done = call("classify", reads, "-i", reference.with_suffix(".bix"), "-q")
    counts = {row["query_id"]: row["n_tied_taxa"] for row in rows_of(done.out)}
    assert counts["twins"] == counts["genera"] == counts["pair"] == "2"
    assert counts["minority"] == counts["unnamed"] == "1"
    assert counts["short"] == "NA"
    frame = classifier.classify(reads).to_frame()
    assert frame["n_tied_taxa"].dtype == "Int64"


def test_no_threshold_accepts_one_of_the_tied_names(reference, cases):
    classifier = Classifier.load(reference.with_suffix(".bix"), device="cpu", min_confidence=0)
    (answer,) = classifier.classify(cases["twins"].sequence)
    assert (answer.status, answer.names[-1]) == ("ambiguous", None)


def test_prototypes_of_equal_similarity_are_a_tie(reference, cases, model_bundle, tmp_path):
    index = tmp_path / "prototypes.bix"
    kept = [
        f">{record.id}\n{record.sequence}\n"
        for record in RECORDS
        if lineage(record)[-1] != lineage(cases["twins"])[-1]
    ]
    twins = [
        with_names(cases["twins"], names(cases["twins"]), 1 + n)
        for n, names in enumerate((lineage, other_species))
    ]
    path = tmp_path / "reference.fasta"
    path.write_text("".join(kept + twins))
    code = run_here(
        "index", "build", path, "-m", model_bundle, "-o", index, "--prototypes", "species"
    )
    assert code == 0
    (answer,) = Classifier.load(index, device="cpu").classify(cases["twins"].sequence)
    assert len(answer.tied_taxa) == 2
    assert answer.names[-1] is None
    assert answer.status != "assigned"


def test_the_best_hits_have_equal_identity_over_an_equal_overlap():
    scores = np.array([[2.0, 1.9, 1.8, 1.7]])
    rows = np.arange(4)[None]
    aligned = Identities(np.array([[100.0, 100.0, 100.0, 99.9]]), np.array([[650, 650, 300, 650]]))
    found = best_hits(Neighbours(scores, rows, aligned, scores))
    assert found.tolist() == [[True, True, False, False]]
    first = Identities(aligned.percents[:, :1], aligned.overlaps[:, :1])
    scores = np.array([[0.9, 0.9, 0.8, 0.7]])
    for known in (first, None):
        found = best_hits(Neighbours(scores, rows, known, scores))
        assert found.tolist() == [[True, True, False, False]]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([1, 1], [True, True]),
        ([9, 1], [True, True]),
        ([10, 1], [True, False]),
        ([200, 2], [True, True]),
        ([20, 1, 1], [True, False, False]),
    ],
)
def test_a_single_record_has_no_support_next_to_ten(records, expected):
    found = supported(np.array(records), np.zeros(len(records), int))
    assert found.tolist() == expected


def test_members_without_support_do_not_vote():
    codes = np.array([[0, 0], [0, 1], [0, -1]])
    vectors = np.array([0] * 12 + [1, 1] + [2])
    lineages = np.array([0] * 10 + [1, 2] + [0, 1] + [1])
    members = Members.of(vectors, lineages, 3)
    assert members.counts.tolist() == [10, 1, 1, 1, 1, 1]
    kept = members.supported(codes)
    assert kept.starts.tolist() == [0, 2, 4, 5]
    assert kept.lineages.tolist() == [0, 2, 0, 1, 1]
