"""Calibration on the reference itself: features, hidden taxa, fitting, small references."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace

import edlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barcodeembed.calibration.examples import (
    Voter,
    add_sequencing_errors,
    make_examples,
    random_fragment,
)
from barcodeembed.calibration.fit import (
    Calibration,
    RankModel,
    _agreed,
    mixture_weights,
    reliability,
)
from barcodeembed.calibration.mutants import mutate
from barcodeembed.calibration.sample import Sample, draw_sample
from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.read_errors import ReadErrors
from barcodeembed.evaluation.metrics import calibration_error
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index.build import build_index
from barcodeembed.index.collect import BuildReport
from barcodeembed.scoring.candidates import Finder, Weights
from barcodeembed.scoring.features import CONTEXT, FEATURES, Neighbours, vote_features
from barcodeembed.scoring.identity import Identities
from barcodeembed.scoring.logistic import ByLength, Logistic, fit_logistic
from barcodeembed.scoring.vote import Members, vote
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.references import read_labelled
from barcodeembed.taxonomy.taxa import Taxa
from barcodeembed.vectors.normalise import normalise

NAMES = list(FEATURES)


def lineage(family: str | None, genus: str | None, species: str | None):
    names = dict.fromkeys(RANKS)
    names |= {"phylum": "P", "family": family, "genus": genus, "species": species}
    return tuple(names.values())


LINEAGES = [
    lineage(f"F{f}", None if g == 2 else f"G{f}{g}", None if g == 2 else f"S{f}{g}{s}")
    for f in range(2)
    for g in range(3)
    for s in range(2 if g < 2 else 1)
]


def scattered(seed: int, count: int = 30):
    """Return random unit vectors with lineages of LINEAGES, without alignments."""
    rng = np.random.default_rng(seed)
    taxa = Taxa.of(LINEAGES)
    of = rng.permutation(np.resize(np.arange(len(LINEAGES)), count))
    vectors = normalise(rng.standard_normal((count, 4)).astype(np.float32))
    members = Members.of(np.arange(count), of, count)
    finder = Finder(3, 3, Weights(0.1), Weights(0.1), 650.0)
    return of, vectors, members, Voter(vectors, members, taxa, finder)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_hiding_equals_a_search_without_the_hidden_references(seed):
    """Compare with a loop over references: for each rank the closest that are not hidden."""
    of, vectors, members, voter = scattered(seed)
    ranks = voter.taxa.ranks
    rows = np.arange(len(of))
    mixed = np.zeros((len(rows), len(ranks)), bool)
    sample = Sample.of_barcodes(vectors, members, rows, mixed)
    found = make_examples(sample, ["A" * 650] * len(rows), np.zeros(len(rows)), voter)
    similarity = np.round((vectors.astype(float) @ vectors.T.astype(float)), 6)
    wanted = []
    for row in rows:
        own = LINEAGES[of[row]]
        named = [r for r in RANKS if own[RANKS.index(r)]]

        def at(j, rank):
            return LINEAGES[of[j]][RANKS.index(rank)]

        visible = [j for j in rows if j != row]
        if any(at(j, named[-1]) == at(row, named[-1]) for j in visible):
            wanted.append((row, -1, visible))
        for rank, parent in zip(named[::-1], [*named[-2::-1], None], strict=True):
            siblings = [j for j in rows if parent is None or at(j, parent) == at(row, parent)]
            visible = [
                j
                for j in visible
                if at(j, rank) != at(row, rank) and not (at(j, rank) is None and j in siblings)
            ]
            if set(visible) & set(siblings):
                wanted.append((row, ranks.index(rank), visible))
    wanted = [(*example[:2], visible) for *example, visible in wanted if len(visible) >= 3]
    assert list(zip(found.barcodes, found.hidden, strict=True)) == [w[:2] for w in wanted]
    for i, (row, hidden, visible) in enumerate(wanted):
        nearest = sorted(visible, key=lambda j: (-similarity[row, j], j))[:3]
        values = similarity[row, nearest][None]
        winners, _ = vote(values, np.array([nearest]), members, voter.taxa.codes, 0.1)
        own = voter.taxa.codes[of[row]]
        np.testing.assert_array_equal(found.named[i], own >= 0)
        np.testing.assert_array_equal(found.correct[i], (winners[0] == own) & (own >= 0))
        below = np.arange(len(ranks)) >= hidden if hidden >= 0 else np.zeros(len(ranks), bool)
        np.testing.assert_array_equal(found.in_reference[i], (own >= 0) & ~below)
        wanted_nearness = -np.log(1.003 - values[0, 0])
        np.testing.assert_allclose(found.features[i, :, 0], wanted_nearness, atol=1e-3)
    assert not (found.correct & ~found.in_reference).any()


def test_a_taxon_that_the_marker_cannot_tell_apart_is_never_hidden():
    _, vectors, members, voter = scattered(0)
    rows = np.arange(len(vectors))
    none = np.zeros((len(rows), len(voter.taxa.ranks)), bool)
    mixed = none.copy()
    mixed[::2, -1] = True

    def hidden(mixed: np.ndarray) -> set[tuple[int, int]]:
        sample = Sample.of_barcodes(vectors, members, rows, mixed)
        found = make_examples(sample, ["A" * 650] * len(rows), np.zeros(len(rows)), voter)
        return set(zip(found.barcodes.tolist(), found.hidden.tolist(), strict=True))

    lowest = len(voter.taxa.ranks) - 1
    left_out = {pair for pair in hidden(none) if pair[1] == lowest and pair[0] % 2 == 0}
    assert left_out
    assert hidden(mixed) == hidden(none) - left_out


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_features_equal_those_of_a_loop_over_neighbours(seed):
    rng = np.random.default_rng(seed)
    taxa = Taxa.of(LINEAGES)
    of = defaultdict(set)  # some vectors have two lineages
    for vector, number in enumerate(rng.integers(0, len(LINEAGES), 20)):
        of[vector % 14].add(int(number))
    pairs = np.array([(v, n) for v, numbers in of.items() for n in numbers])
    members = Members.of(pairs[:, 0], pairs[:, 1], 14)
    rows = np.array([rng.permutation(14)[:5] for _ in range(4)])
    similarities = -np.sort(-rng.uniform(0.5, 1, (4, 5)), axis=1)
    percents = rng.uniform(70, 100, (4, 5))
    lengths = np.array([650, 900, 325, 100])
    aligned = Identities(percents, np.full(percents.shape, 650))
    ranked = Neighbours.ranked(similarities, rows, aligned, 2.0)
    errors = rng.uniform(0, 0.05, 4)
    warm = np.full((4, 1), 0.1)
    winners, features = vote_features(ranked, members, taxa.codes, warm, lengths, errors, 650.0)
    for q in range(4):
        order = sorted(
            range(5),
            key=lambda k: (-round(similarities[q, k] + 2 * percents[q, k] / 100, 6), rows[q, k]),
        )
        scores = [round(similarities[q, k] + 2 * percents[q, k] / 100, 6) for k in order]
        for r in range(len(taxa.ranks)):
            found_features = dict(zip(NAMES, features[q, r], strict=True))
            codes = [{int(taxa.codes[n, r]) for n in of[rows[q, k]]} - {-1} for k in order]
            won = int(winners[q, r])
            with_it = [s for s, c in zip(scores, codes, strict=True) if won in c]
            others = [s for s, c in zip(scores, codes, strict=True) if c - {won}]
            margin = max(with_it) - max(others, default=scores[-1]) if with_it else 0
            assert found_features["margin"] == pytest.approx(max(margin, 0) ** 0.5, abs=1e-9)
            assert found_features["agreement"] == pytest.approx(len(with_it) / 5)
            assert found_features["spread"] == pytest.approx(scores[0] - scores[-1], abs=1e-9)
            assert found_features["similarity"] == pytest.approx(
                -np.log(1.003 - similarities[q].max())
            )
            assert found_features["identity"] == pytest.approx(
                -np.log(1.006 - percents[q, order[0]] / 100), abs=1e-9
            )
            assert found_features["highest_identity"] == pytest.approx(
                -np.log(1.006 - percents[q].max() / 100), abs=1e-9
            )
            assert found_features["errors"] == errors[q]
            assert found_features["length"] == pytest.approx(np.log(min(lengths[q] / 650, 1)))


def planted(seed: int, count: int = 20_000, noise: float = 0.0):
    """Return features with known weights; every second query is short, with half the effect."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, len(FEATURES)))
    features[:, -2] = 0.0
    features[:, -1] = np.log(np.where(np.arange(count) % 2, 1.0, 0.25))
    weights = np.array([1.5, 0.5, 0.0, 1.0, 0.8, 0.3, -0.7])
    logits = features[:, :-CONTEXT] @ weights * np.where(np.arange(count) % 2, 1.0, 0.5) - 0.6
    true = rng.random(count) < 1 / (1 + np.exp(-logits))
    return features, true & (rng.random(count) >= noise), weights


def test_the_fit_recovers_known_weights():
    features, true, weights = planted(0)
    found = fit_logistic(features, true, np.ones(len(true)))
    np.testing.assert_allclose(found.weights, weights, atol=0.1)
    assert found.bias - found.middle == pytest.approx(-0.6, abs=0.08)
    assert np.exp(found.growth[-1]) == pytest.approx(0.5, abs=0.05)
    assert found.growth[:-1] == (0, 0, 0, 0)  # no query has these error rates or this length
    assert found.noise == 0


def test_lengths_and_error_rates_between_the_fitted_ones_are_interpolated():
    logistic = Logistic(
        (1.0, *[0.0] * (len(FEATURES) - CONTEXT - 1)),
        0.5,
        2.0,
        (-0.2, -0.4, -0.5, -0.3, -0.9),
        (0.3, 0.5, 0.7, 0.1, -0.2),
    )
    features = np.zeros((9, len(FEATURES)))
    features[:, 0] = 4.0
    features[:, -1] = np.log([1.0, 0.5**0.5, 0.5, 0.5**1.5, 0.25, 0.01, 1.0, 1.0, 0.5])
    features[6:, -2] = [0.005, 0.02, 0.1]
    short = ((0, 0), (-0.15, 0.05), (-0.3, 0.1), (-0.6, -0.05), (-0.9, -0.2), (-0.9, -0.2))
    with_errors = ((-0.1, 0.15), (-0.3, 0.4), (-0.8, 0.8))
    logits = [2 * np.exp(g) + s + 0.5 for g, s in (*short, *with_errors)]
    np.testing.assert_allclose(logistic.probability(features), 1 / (1 + np.exp(-np.array(logits))))


def test_incorrect_reference_names_do_not_lower_high_probabilities(monkeypatch):
    monkeypatch.setattr("barcodeembed.scoring.logistic._MAX_NOISE", 0.2)
    features, true, weights = planted(0, noise=0.08)
    certain = np.zeros(len(FEATURES))
    certain[0] = 5.0
    noisy = fit_logistic(features, true, np.ones(len(true)), noisy=True)
    plain = fit_logistic(features, true, np.ones(len(true)))
    assert noisy.noise == pytest.approx(0.08, abs=0.03)
    np.testing.assert_allclose(noisy.weights, weights, atol=0.25)
    assert noisy.probability(certain) > 0.995
    wrong = [np.abs(np.array(found.weights) - weights).sum() for found in (plain, noisy)]
    assert wrong[0] > 1.5 * wrong[1]


def test_the_fraction_of_incorrect_reference_names_is_limited():
    """Features that are wrong for a tenth of the queries are not explained by wrong names."""
    features, true, _ = planted(0, noise=0.1)
    found = fit_logistic(features, true, np.ones(len(true)), noisy=True)
    assert 0.018 < found.noise <= 0.02


def test_features_that_can_only_support_a_name_have_no_negative_weight():
    features, true, _ = planted(1, 2_000)
    found = fit_logistic(features, ~true, np.ones(len(true)))
    for name, weight in zip(NAMES[:-CONTEXT], found.weights, strict=True):
        assert weight >= 0 or not FEATURES[name]
    assert found.weights[NAMES.index("spread")] > 0.3  # this feature can have either sign


def test_a_constant_feature_has_no_weight():
    features, true, _ = planted(2, 500)
    features[:, 1] = 3.25
    found = fit_logistic(features, true, np.ones(len(true)))
    assert found.weights[1] == 0 and np.isfinite(found.bias)


def test_separable_examples_have_finite_weights():
    features = np.zeros((40, len(FEATURES)))
    features[:20, 0] = 1
    found = fit_logistic(features, np.arange(40) < 20, np.ones(40))
    assert np.isfinite(found.weights).all()
    assert found.probability(features[0]) > 0.95 and found.probability(features[-1]) < 0.05


def test_each_higher_rank_has_two_fifths_of_the_weight():
    hidden = np.array([-1, -1, -1, -1, 6, 6, 5, 3, 3, 3])
    weights = mixture_weights(hidden)
    sums = [weights[hidden == h].sum() for h in (-1, 6, 5, 3)]
    np.testing.assert_allclose(sums, [0.5, 0.3, 0.12, 0.048])
    assert len({*weights[:4]}) == 1


def calibration(**weights: float) -> Calibration:
    """Return a calibration that uses only the similarity."""

    def model(weight: float) -> RankModel:
        logistic = Logistic((weight, *[0.0] * (len(FEATURES) - CONTEXT - 1)), -1.0)
        least = {str(s): 1 - s for s in (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)}
        both = ByLength(logistic, logistic)
        return RankModel(both, both, "", "", {"confidence_threshold": least})

    return Calibration({rank: model(weight) for rank, weight in weights.items()}, 650.0, 650.0)


def test_a_probability_is_at_least_that_of_the_lower_rank():
    fitted = calibration(
        genus=0.2, species=0.9
    )  # by chance, the probability of the species is higher
    features = np.zeros((50, 2, len(FEATURES)))
    features[:, :, 0] = np.linspace(0, 6, 50)[:, None]
    features[:, :, NAMES.index("share")] = 4.0
    features[:, :, NAMES.index("agreement")] = 1.0
    for values in (fitted.in_reference(features), fitted.correct(features, np.zeros((50, 2)))):
        assert (values[:, 0] >= values[:, 1]).all()
        assert (np.diff(values, axis=0) >= 0).all()
    nameless = fitted.correct(features, np.stack([np.zeros(50), np.full(50, -1)], 1))
    assert (nameless[:, 1] == 0).all()
    np.testing.assert_allclose(nameless[:, 0], 1 / (1 + np.exp(1 - 0.2 * features[:, 0, 0])))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_contradicting_ranks_are_averaged(seed):
    """Compare with pooling of adjacent violators, step by step; unknown ranks do not count."""
    rng = np.random.default_rng(seed)
    values, known = rng.random((6, 7)), rng.random((6, 7)) < 0.8
    known[:, 0] = True
    agreed = _agreed(values, known)
    assert (np.diff(agreed, axis=1) <= 1e-12).all()
    for value, there, found in zip(values, known, agreed, strict=True):
        pools: list[list[float]] = []
        for v in value[there]:
            pools.append([v])
            while len(pools) > 1 and np.mean(pools[-2]) < np.mean(pools[-1]):
                last = pools.pop()
                pools[-1] += last
        wanted = [np.mean(pool) for pool in pools for _ in pool]
        np.testing.assert_allclose(found[there], wanted)


def test_two_taxa_with_equal_features_have_at_most_one_half():
    fitted = calibration(genus=2, species=2)
    features = np.zeros((1, 2, len(FEATURES)))
    features[:, :, 0] = 5.0
    features[:, 0, NAMES.index("share")] = 4.0  # both have the same genus
    genus, species = fitted.correct(features, np.zeros((1, 2)))[0]
    assert genus > 0.99 and species == 0.5


def test_an_error_fraction_between_two_in_the_table_uses_the_lower():
    fitted = calibration(genus=1, species=1)
    assert fitted.confidence_threshold(0.05).tolist() == [0.95, 0.95]
    assert fitted.confidence_threshold(0.07).tolist() == [0.95, 0.95]
    assert fitted.confidence_threshold(0.001).tolist() == [0.999, 0.999]
    with pytest.raises(ValueError, match="max_error is 0.0005; it must be at least 0.001"):
        fitted.confidence_threshold(0.0005)
    fitted.models["genus"].report["confidence_threshold"]["0.05"] = 0.02
    assert fitted.confidence_threshold(0.05).tolist() == [0.5, 0.95]
    fitted.models["species"].report["confidence_threshold"]["0.05"] = None
    assert fitted.confidence_threshold(0.05).tolist() == [0.5, np.inf]


def test_a_calibration_is_unchanged_after_writing_and_reading():
    fitted = calibration(genus=1, species=2)
    values = json.loads(json.dumps(fitted.to_json()))
    assert Calibration.from_json(values, ["genus", "species"]) == fitted
    shorter = replace(fitted, complete_length=fitted.median_length / 2)
    values = json.loads(json.dumps(shorter.to_json()))
    assert Calibration.from_json(values, ["genus", "species"]) == shorter
    with pytest.raises(ValueError, match="other features"):
        Calibration.from_json(values | {"features": ["similarity"]}, ["genus", "species"])


def test_reliability_of_calibrated_confidences():
    rng = np.random.default_rng(0)
    confidence = rng.random(40_000)
    right = rng.random(40_000) < confidence
    report = reliability(confidence, right, np.ones(40_000))
    assert report["calibration_error"] < 0.02
    assert report["calibration_error"] == pytest.approx(
        calibration_error(confidence, right, bins=10), abs=1e-4
    )
    # With uniform confidences, (1 + t) / 2 of the names above t are correct.
    assert report["coverage"]["0.9"] == pytest.approx(0.2, abs=0.02)
    assert report["confidence_threshold"]["0.1"] == pytest.approx(0.8, abs=0.02)
    shares = [report["confidence_threshold"][s] for s in ("0.01", "0.05", "0.2")]
    assert shares == sorted(shares, reverse=True)
    for mean, share, _ in report["curve"]:
        assert mean == pytest.approx(share, abs=0.03)
    hopeless = reliability(np.full(10, 0.3), np.zeros(10, bool), np.ones(10))
    assert hopeless["coverage"]["0.9"] is None and hopeless["confidence_threshold"]["0.1"] is None


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_the_threshold_is_that_of_benjamini_and_hochberg(seed):
    """Compare with the procedure, step by step, on conformal p-values of the examples."""
    rng = np.random.default_rng(seed)
    confidence = np.round(rng.random(200), rng.integers(1, 4))  # some are equal
    right = rng.random(200) < confidence**0.3
    report = reliability(confidence, right, np.ones(200))
    for share in (0.05, 0.1, 0.2):
        p = np.array([(1 + (~right & (confidence >= c)).sum()) / 200 for c in confidence])
        by_p = np.sort(p)
        # Different confidences with equal p-values are one step; the last of them decides.
        rejected = [
            c
            for c, own in zip(confidence, p, strict=True)
            if any(own <= by_p[k] <= share * (k + 1) / 200 for k in range(200))
        ]
        wanted = min(rejected, default=None)
        found = report["confidence_threshold"][str(share)]
        assert (found is None) == (wanted is None)
        if found is not None:
            # Both thresholds accept the same examples.
            assert ((confidence >= found) == (confidence >= wanted)).all()


def test_the_error_bound_holds_for_exchangeable_queries():
    """The mean fraction of incorrect names over many random draws is within the bound."""
    shares, named = [], 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        confidence = rng.random(300) ** 0.4
        right = (
            rng.random(300) < confidence**2
        )  # overconfident: the bound does not need calibrated confidences
        least = reliability(confidence, right, np.ones(300))["confidence_threshold"]["0.1"]
        queries = rng.random(3_000) ** 0.4
        wrong = rng.random(3_000) >= queries**2
        given_ = queries >= (np.inf if least is None else least)
        shares.append(wrong[given_].mean() if given_.any() else 0.0)
        named += given_.any()
    assert np.mean(shares) <= 0.1 and named > 100


def test_random_fragments_have_many_lengths():
    rng = np.random.default_rng(0)
    bases = "".join(rng.choice(list("ACGT"), 650))
    fragments = [random_fragment(bases, 650.0, 100, rng) for _ in range(300)]
    assert all(p in bases for p in fragments)
    lengths = [len(p) for p in fragments]
    assert 100 <= min(lengths) < 120 and 540 < max(lengths) <= 585
    assert np.median(lengths) < 300
    assert len(random_fragment(bases[:90], 650.0, 100, rng)) <= 90


def test_sequencing_errors_have_the_given_rate():
    rng = np.random.default_rng(0)
    bases = "".join(rng.choice(list("ACGT"), 50_000))
    read = add_sequencing_errors(bases, 0.02, rng)
    assert abs(len(read) - len(bases)) < 100  # insertions and deletions are equally frequent
    assert edlib.align(read, bases)["editDistance"] == pytest.approx(1_000, abs=100)
    assert add_sequencing_errors("N" * 100, 0.2, rng) == "N" * 100


def test_reads_that_are_known_to_have_errors_are_less_often_novel(request):
    """Compare with the same index when the same reads are taken to be clean."""
    data = request.config.rootpath / "data" / "simulated"
    references = list(read_labelled(data / "reference.fasta"))[:100]
    rng = np.random.default_rng(1)
    queries = [
        replace(record, sequence=add_sequencing_errors(record.sequence, 0.02, rng))
        for record, _ in references[::2]
    ]
    index = build_index(references, KmerCounter(6))
    known, assigned = {}, {}
    for errors in (0.0, 0.02):
        classifier = Classifier(index, KmerCounter(6), read_errors=errors)
        answers = list(classifier.classify(queries))
        known[errors] = np.mean([a.in_reference[-1] for a in answers if a.in_reference])
        assigned[errors] = sum(a.status == "assigned" for a in answers)
        assert classifier.read_errors == ReadErrors(errors, "given")
    assert known[0.02] > known[0.0] and assigned[0.02] > assigned[0.0]


def test_a_sample_has_every_lineage_before_any_lineage_twice():
    of = np.repeat(np.arange(300), np.r_[np.full(100, 20), np.full(200, 2)])
    members = Members.of(np.arange(len(of)), of, len(of))
    rows = draw_sample(members, size=400, seed=3)
    counts = np.bincount(of[rows], minlength=300)
    assert len(rows) == 400 and counts.min() == 1 and counts.max() == 2
    assert (np.diff(rows) > 0).all()
    assert rows.tolist() == draw_sample(members, size=400, seed=3).tolist()
    assert len(draw_sample(members, size=2_000)) == len(of) // 4


def test_a_small_reference_uses_customary_limits():
    """With one record nothing can be hidden, but a dissimilar query is still novel."""
    rng = np.random.default_rng(0)
    bases = "".join(rng.choice(list("ACGT"), 650))
    record = SequenceRecord("only", bases)
    report = BuildReport()
    index = build_index([(record, lineage("F", "G", "G s"))], KmerCounter(5), report=report)
    assert report.used == report.distinct == 1
    models = index.calibration.models.values()
    assert (
        {m.in_reference_from for m in models} == {m.new_from for m in models} == {"mutated copies"}
    )
    far, unrelated = mutate(bases, 0.3, rng), "".join(rng.choice(list("ACGT"), 650))
    queries = [SequenceRecord("q", b) for b in (bases, far, unrelated)]
    same, other, random = Classifier(index, KmerCounter(5)).classify(queries)
    assert (same.status, same.taxon) == ("assigned", "G s")
    assert (other.status, other.names[-1]) == ("novel", None)
    assert (random.status, random.flags) == ("unclassifiable", ("non_target",))


def test_a_rank_that_one_record_has_is_calibrated():
    """Nothing else can be left out to measure how its confidence generalises."""
    rng = np.random.default_rng(0)
    bases = "".join(rng.choice(list("ACGT"), 650))
    records = [
        (
            SequenceRecord(str(i), mutate(bases, 0.1, rng)),
            lineage("F", "G", None if i else "G s"),
        )
        for i in range(40)
    ]
    index = build_index(records, KmerCounter(5))
    for model in index.calibration.models.values():
        assert model.report["examples"] > 0
        assert np.isfinite([value for row in model.report["curve"] for value in row]).all()
    (named,) = Classifier(index, KmerCounter(5)).classify([records[0][0]])
    assert (named.status, named.taxon) == ("assigned", "G s")
