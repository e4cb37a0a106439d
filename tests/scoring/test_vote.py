"""The vote and the decision, compared with a simple count."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barcodeembed.scoring.decision import decide
from barcodeembed.scoring.vote import Members, vote


def slow_vote(similarities, rows, groups, codes, temperature=0.02):
    """One query at a time, with dictionaries."""
    winners, shares = [], []
    for s, r in zip(similarities, rows, strict=True):
        votes = [
            (lineage, np.exp((si - s[0]) / temperature) / len(groups[ri]))
            for si, ri in zip(s, r, strict=True)
            for lineage in groups[ri]
        ]
        eligible, above, won, got = set(range(len(votes))), 1.0, [], []
        for rank in range(codes.shape[1]):
            total, weights = 0.0, defaultdict(float)
            for i, (lineage, weight) in enumerate(votes):
                code = codes[lineage, rank]
                if code >= 0:
                    total += weight
                    if i in eligible:
                        weights[code] += weight
            if not weights:
                won.append(-1)
                got.append(0.0)
                continue
            best = max(sorted(weights), key=lambda code: round(weights[code], 9))
            above = min(above, weights[best] / total)
            won.append(best)
            got.append(above)
            eligible = {i for i in eligible if codes[votes[i][0], rank] in (-1, best)}
        winners.append(won)
        shares.append(got)
    return np.array(winners), np.array(shares)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_the_vote_equals_a_simple_count(seed):
    rng = np.random.default_rng(seed)
    vectors, lineages, ranks, k, queries = 12, 8, 4, 5, 6
    codes = rng.integers(-1, 3, (lineages, ranks))
    groups = [sorted(set(rng.integers(0, lineages, rng.integers(1, 4)))) for _ in range(vectors)]
    pairs = np.array([(v, lineage) for v, group in enumerate(groups) for lineage in group])
    members = Members.of(pairs[:, 0], pairs[:, 1], vectors)
    similarities = np.sort(rng.uniform(0.8, 1.0, (queries, k)).round(2))[:, ::-1]
    rows = np.stack([rng.choice(vectors, k, replace=False) for _ in range(queries)])
    wanted = slow_vote(similarities, rows, groups, codes)
    found = vote(similarities, rows, members, codes)
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_allclose(found[1], wanted[1], atol=1e-7)


def test_a_shared_barcode_names_the_first_record_of_each_of_its_lineages():
    vectors, lineages = np.array([1, 0, 1, 1, 1]), np.array([5, 3, 4, 5, 4])
    members = Members.of(vectors, lineages, 2)
    assert members.starts.tolist() == [0, 1, 3]
    assert members.lineages.tolist() == [3, 4, 5]
    assert members.records.tolist() == [1, 2, 0]


def test_fractions_never_increase_towards_the_species():
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 3, (30, 6))
    members = Members.of(np.arange(30), np.arange(30), 30)
    similarities = np.sort(rng.uniform(0.9, 1, (50, 10)))[:, ::-1]
    rows = np.stack([rng.permutation(30)[:10] for _ in range(50)])
    winners, shares = vote(similarities, rows, members, codes)
    for winner, share in zip(winners, shares, strict=True):
        named = share[winner >= 0]
        assert (np.diff(named) <= 0).all()


def test_equal_votes_go_to_the_first_name_in_any_order():
    codes = np.array([[0, 1], [0, 0]])
    members = Members.of(np.arange(2), np.arange(2), 2)
    for rows in ([[0, 1]], [[1, 0]]):
        winners, shares = vote(np.array([[0.9, 0.9]]), np.array(rows), members, codes)
        assert winners.tolist() == [[0, 0]]
        assert shares.tolist() == [[1.0, 0.5]]


def decided(winners, correct, known, threshold=0.5):
    decisions = decide(np.array([winners]), np.array([correct]), np.array([known]), threshold)
    return str(decisions.status[0]), int(decisions.placed[0]), int(decisions.novel[0])


@pytest.mark.parametrize(
    ("winners", "correct", "known", "expected"),
    [
        ([0, 0, 0], [1, 1, 1], [0.9, 0.9, 0.9], ("assigned", 2, -1)),
        ([0, 0, 0], [1, 1, 0.5], [0.9, 0.9, 0.9], ("assigned", 2, -1)),
        ([0, 0, 0], [1, 1, 0.49], [0.9, 0.9, 0.9], ("ambiguous", 1, -1)),
        ([0, 0, 0], [1, 1, 1], [0.9, 0.9, 0.2], ("novel", 1, 2)),
        ([0, 0, 0], [1, 1, 1], [0.9, 0.3, 0.2], ("novel", 0, 1)),
        ([0, 0, 0], [1, 1, 1], [0.3, 0.3, 0.2], ("novel", -1, 0)),
        ([0, -1, 0], [1, 0, 1], [0.9, 0.9, 0.9], ("assigned", 2, -1)),  # no middle rank
        ([0, 0, -1], [1, 1, 0], [0.9, 0.9, 0.9], ("ambiguous", 1, -1)),  # no species named
        ([0, 0, 0], [0.4, 0.4, 0.4], [0.9, 0.9, 0.9], ("ambiguous", -1, -1)),
        ([0, 0, 0], [1, 0.4, 0.4], [0.9, 0.9, 0.2], ("novel", 0, 2)),
    ],
)
def test_decisions(winners, correct, known, expected):
    assert decided(winners, correct, known) == expected


def test_each_rank_can_have_its_own_threshold():
    threshold = np.array([0.5, 0.95, 0.5])
    assert decided([0, 0, 0], [1, 0.9, 0.4], [1, 1, 1], threshold) == ("ambiguous", 0, -1)
    assert decided([0, 0, 0], [1, 0.9, 0.6], [1, 1, 1], threshold) == ("assigned", 2, -1)


def test_a_threshold_of_0_does_not_change_novelty():
    assert decided([0, 0], [1, 0.1], [0.9, 0.1], threshold=0) == ("novel", 0, 1)
