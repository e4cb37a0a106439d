"""Metrics compared with simple definitions, and the figures of a known case."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.evaluation.markdown import _methods, markdown
from barcodeembed.evaluation.metrics import auroc, calibration_error
from barcodeembed.evaluation.open_world.aligners import PEERS
from barcodeembed.evaluation.open_world.figures import (
    evaluate_agreement,
    evaluate_decisions,
    evaluate_method,
)
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.evaluation.open_world.predictions import (
    Predictions,
    classify_queries,
    nearest_by_kmers,
)
from barcodeembed.evaluation.queries import LabelledQueries, sort_queries
from barcodeembed.index.build import build_index
from barcodeembed.scoring.vote import TEMPERATURE
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import RANKS, UNKNOWN
from barcodeembed.taxonomy.references import read_labelled
from barcodeembed.taxonomy.taxa import Taxa

scores = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=12)


@given(scores, scores)
def test_auroc_counts_pairs(positive, negative):
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert auroc(np.array(positive), np.array(negative)) == pytest.approx(np.mean(pairs))


def test_calibrated_confidences_have_no_error():
    rng = np.random.default_rng(0)
    confidence = rng.random(200_000)
    right = rng.random(200_000) < confidence
    assert calibration_error(confidence, right) < 0.01
    assert calibration_error(confidence, ~right) > 0.3


def test_kmer_counts_are_counts():
    vector = KmerCounter(2).encode(["AACANTA"])[0]
    assert vector.sum() == 4  # AA, AC, CA and TA; k-mers with N do not count
    assert vector[0] == vector[1] == vector[4] == vector[12] == 1


def named(family, genus, species):
    names = dict.fromkeys(RANKS) | {"family": family, "genus": genus, "species": species}
    return tuple(names.values())


def test_queries_are_sorted_by_the_taxa_in_the_reference():
    taxa = Taxa.of([named("F", "G", "G a")])
    lineages = [
        named("F", "G", "G a"),
        named("F", "G", "G b"),
        named("F", "H", "H c"),
        named("E", "I", "I d"),
        named("F", "G", None),
        named("F", "H", None),
    ]
    labelled = [(SequenceRecord(str(i), "A"), x) for i, x in enumerate(lineages)]
    queries = sort_queries(labelled, taxa)
    assert queries.categories == [
        "seen",
        "unseen species",
        "unseen genus",
        "other",
        "seen genus",
        "unseen genus",
    ]


def test_queries_without_a_species_count_at_the_ranks_that_they_have():
    """16S names most bacteria to their genus at best."""
    truth = [named("F", "G", None)] * 2 + [named("F", "H", None)]
    of = ["seen genus", "seen genus", "unseen genus"]
    queries = LabelledQueries([None] * 3, truth, of)
    guesses = [named("F", "G", "G a"), UNKNOWN, named("F", "G", None)]
    confidences = np.full((3, len(RANKS)), 1.0)
    figures = evaluate_method(
        Predictions("x", guesses, np.array([0.9, 0.6, 0.7]), 1.0, confidences), queries
    )
    assert figures["accuracy"]["seen genus"] == {"family": 0.5, "genus": 0.5}
    assert figures["novelty_auroc"] == {"species": None, "genus": 0.5}
    # The two seen queries have half of the weight, the new genus has the other half.
    assert figures["calibration_error"]["genus"] == 0.75
    table = {
        "references": 1,
        "threads": 1,
        "queries": {"seen genus": 2, "unseen genus": 1},
        "methods": [figures],
    }
    assert "| seen genus: genus |" in "\n".join(_methods(table))


def test_figures_of_a_case_counted_by_hand():
    truth = [named("F", "G", "G a")] * 2 + [named("F", "G", "G b")] * 2
    queries = LabelledQueries([None] * 4, truth, ["seen"] * 2 + ["unseen species"] * 2)
    guesses = [named("F", "G", "G a"), named("F", "H", "H x"), named("F", "G", "G a"), UNKNOWN]
    confidences = np.full((4, len(RANKS)), np.nan)
    confidences[:3, -1] = [1.0, 0.6, 0.2]
    figures = evaluate_method(
        Predictions("x", guesses, np.array([0.9, 0.8, 0.85, -np.inf]), 2.0, confidences), queries
    )
    assert figures["accuracy"]["seen"] == {"family": 1.0, "genus": 0.5, "species": 0.5}
    assert figures["accuracy"]["unseen species"] == {"family": 0.5, "genus": 0.5, "species": 0.0}
    assert figures["novelty_auroc"]["species"] == 0.75
    assert figures["novelty_auroc"]["genus"] is None
    assert figures["queries_per_second"] == 2.0
    # Seen queries and all others have half of the weight each: (0 + 0.6) / 2 and 0.2.
    assert figures["calibration_error"]["species"] == 0.25


def test_accepted_names_of_a_case_counted_by_hand():
    truth = [named("F", "G", "G a")] * 2 + [named("F", "G", "G b")] * 2 + [named("F", "H", "H c")]
    of = ["seen"] * 2 + ["unseen species"] * 2 + ["unseen genus"]
    guesses = [
        named("F", "G", "G a"),
        named("F", "H", "H x"),
        named("F", "G", "G a"),
        UNKNOWN,
        named("F", "G", None),
    ]
    accepted = np.ones((5, len(RANKS)), bool)
    accepted[1, -1] = False
    figures = evaluate_method(
        Predictions("x", guesses, np.zeros(5), 1.0, accepted=accepted, rule="all"),
        LabelledQueries([None] * 5, truth, of),
    )
    ranks = figures["accepted"]["ranks"]
    # Two seen queries have a weight of 1/4 each, three others 1/6. No name is not accepted.
    assert ranks["species"] == {
        "named": round(1 / 4 + 1 / 6, 4),
        "precision": round((1 / 4) / (1 / 4 + 1 / 6), 4),
        "correct": 0.25,
        "overclassified": round(1 / 3, 4),
    }
    assert ranks["genus"]["overclassified"] == 1.0
    assert ranks["genus"]["precision"] == round((1 / 4 + 1 / 6) / (1 / 2 + 2 / 6), 4)
    assert ranks["family"]["precision"] == 1.0 and ranks["family"]["overclassified"] is None


def test_agreement_of_two_methods_counted_by_hand():
    truth = [named("F", "G", f"G {s}") for s in "abcd"] + [named("F", "G", "G e")]
    queries = LabelledQueries([None] * 5, truth, ["seen"] * 4 + ["unseen species"])

    def method(correct: str, accepted: str) -> Predictions:
        guesses = [
            t if r == "+" else named("F", "G", "G x") for t, r in zip(truth, correct, strict=True)
        ]
        each = np.repeat(np.array([t == "+" for t in accepted])[:, None], len(RANKS), 1)
        return Predictions("x", guesses, np.zeros(5), 1.0, accepted=each, rule="some")

    # Species: ours are a and b, theirs b, c and d. All accepted genera are correct.
    agreed = evaluate_agreement(method("++-++", "+++-+"), method("-++++", "+++++"), queries)
    assert agreed["species"] == {"found_by_classify": round(1 / 3, 4), "found_by_method": 0.5}
    assert agreed["genus"] == {"found_by_classify": 0.75, "found_by_method": 1.0}
    none = evaluate_agreement(method("-----", "+++++"), method("+++++", "+++++"), queries)
    assert "species" not in none and none["family"] == {
        "found_by_classify": 1.0,
        "found_by_method": 1.0,
    }


@pytest.fixture(scope="module")
def simulated(request, small_samples):
    data = request.config.rootpath / "data" / "simulated"
    index = build_index(read_labelled(data / "reference.fasta"), KmerCounter(5))
    queries = sort_queries(read_labelled(data / "reads.tsv"), index.taxa)
    return index, queries


def test_the_pipeline_and_its_baseline_find_the_same_nearest_reference(simulated):
    """With k-mer counts as vectors, the pipeline equals the baseline."""
    index, queries = simulated
    # Neighbours are not chosen by similarity alone, unless the identity does not count.
    by_vectors = replace(
        index.settings,
        temperature=TEMPERATURE,
        identity_weight=0.0,
        kmers_for_all=False,
        candidates=None,
    )
    index = replace(index, settings=by_vectors)
    classifier = Classifier(index, KmerCounter(5), min_confidence=0.0)
    least, strict = (dict.fromkeys(index.taxa.ranks, c) for c in (0.5, 0.95))
    nearest, best, assignments = classify_queries(classifier, queries, 64, least)
    baseline = nearest_by_kmers(index, queries)
    named = [i for i, a in enumerate(assignments) if a.status != "unclassifiable"]
    assert len(named) == 118 and {a.strand for a in assignments} == {"+", "-", None}
    # The neighbours of a fragment are not chosen by similarity alone.
    complete = index.calibration.complete_length
    whole = [i for i in named if assignments[i].length >= 0.9 * complete]
    assert len(whole) > 80
    np.testing.assert_allclose(nearest.similarity[whole], baseline.similarity[whole], atol=2e-6)
    report = {
        "references": len(index.vectors),
        "queries": {"seen": 1},
        "threads": 1,
        "max_error": None,
        "confidence_threshold": least,
        "agreement": {},
        "methods": [evaluate_method(p, queries) for p in (nearest, best, baseline)],
        "decisions": evaluate_decisions(best, assignments, queries, least),
    }
    seen = [method["accuracy"]["seen"]["species"] for method in report["methods"]]
    assert seen[0] > 0.85 and seen[1] > 0.85
    strict = evaluate_decisions(best, assignments, queries, strict)["seen"]["statuses"]
    assignments = Classifier(index, KmerCounter(5), min_confidence=0.95).classify(queries.records)
    statuses = [
        a.status for a, c in zip(assignments, queries.categories, strict=True) if c == "seen"
    ]
    for status in ("assigned", "ambiguous"):
        share = statuses.count(status) / len(statuses)
        assert strict.get(status, 0.0) == pytest.approx(share, abs=1e-4)
    shares = [sum(d["statuses"].values()) for d in report["decisions"].values()]
    assert shares == pytest.approx([1.0] * 3, abs=1e-3)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    text = markdown(report)
    assert text.count("\n| ") == 3 + 2 + 3 + 2 + 1 + 2 + 3 and "nan" not in text


@pytest.mark.slow
@pytest.mark.parametrize("peer", PEERS)
def test_peers_name_the_simulated_reads(simulated, peer):
    if shutil.which(peer) is None:
        pytest.skip(f"{peer} is not installed (Debian: vsearch, ncbi-blast+)")
    index, queries = simulated
    for predictions in PEERS[peer](index, queries, threads=2):
        figures = evaluate_method(predictions, queries)
        assert figures["accuracy"]["seen"]["genus"] > 0.8, predictions.method
        assert len(predictions.names) == len(queries)


@pytest.mark.slow
def test_an_evaluation_from_files_can_be_shown_in_three_ways(model_bundle, index_bundle):
    from support import SIMULATED

    from barcodeembed.evaluation.run import evaluate

    result = evaluate([SIMULATED / "reads.tsv"], index=index_bundle, sample=4, against=())
    assert json.loads(result.to_json()) == result.figures
    assert result.figures["schema_version"] == 2
    assert result.to_markdown() == markdown(result.figures)
    assert repr(result).startswith("<Evaluation: 12 queries, accuracy of classify: seen ")
    frame = result.to_frame()
    assert set(frame["method"]) == {"nearest reference", "classify"}
    assert frame["value"].between(0, 1).all()
    # The same references, indexed for the evaluation only, give the same names.
    built = evaluate(
        SIMULATED / "reads.tsv",
        references=SIMULATED / "reference.fasta",
        model=model_bundle,
        protocols=["open-world", "knn"],
        sample=4,
        against=(),
    )
    assert built.figures["decisions"] == result.figures["decisions"]
    assert "24 figures of knn" in repr(built)


def test_an_evaluation_checks_what_it_is_given(index_bundle):
    from barcodeembed.errors import InputError
    from barcodeembed.evaluation.run import evaluate

    for problem, settings in (
        ("'umap' is not one of", {"protocols": ["umap"]}),
        ("'muscle' is not one of", {"against": ["muscle"]}),
        ("needs a file of references", {"protocols": ["knn"]}),
        ("not both", {"references": "references.fasta"}),
    ):
        with pytest.raises(InputError, match=problem):
            evaluate("reads.tsv", index=index_bundle, **settings)


def test_a_query_of_another_kingdom_is_warned_about(index_bundle, tmp_path):
    from barcodeembed.errors import InputWarning
    from barcodeembed.evaluation.run import evaluate

    path = tmp_path / "other.tsv"
    path.write_text(f"id\tgenus\tspecies\tnucleotides\na\tAus\tAus bus\t{'ACGT' * 100}\n")
    with pytest.warns(InputWarning, match="no query belongs to a genus or family"):
        assert "<Evaluation" in repr(evaluate(path, index=index_bundle))
