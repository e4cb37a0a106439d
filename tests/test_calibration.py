"""Novelty learnt from the reference itself: hiding, fitting, and what small references get."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barcodeembed.classify.calibration import (
    Calibration,
    RankCurve,
    _hide_and_look,
    fit_logistic,
)
from barcodeembed.classify.sample import Sample
from barcodeembed.classify.vote import Members
from barcodeembed.embedding import normalise
from barcodeembed.evaluation.kmers import KmerCounter
from barcodeembed.index.build import build_index
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.ranks import RANKS
from barcodeembed.taxonomy.taxa import Taxa


def lineage(family: str | None, genus: str | None, species: str | None):
    names = dict.fromkeys(RANKS)
    names |= {"phylum": "P", "family": family, "genus": genus, "species": species}
    return tuple(names.values())


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_hiding_is_a_search_without_the_hidden(seed):
    """Against a loop over references: for each rank the best one that is not hidden."""
    rng = np.random.default_rng(seed)
    lineages = [
        lineage(f"F{f}", None if g == 2 else f"G{f}{g}", None if g == 2 else f"S{f}{g}{s}")
        for f in range(2) for g in range(3) for s in range(2 if g < 2 else 1)
    ]  # fmt: skip
    taxa = Taxa.of(lineages)
    of = rng.permutation(np.resize(np.arange(len(lineages)), 30))
    vectors = normalise(rng.standard_normal((30, 4)).astype(np.float32))
    members = Members.of(np.arange(30), of, 30)
    rows = np.arange(30)
    sample = Sample.of_barcodes(vectors, members, rows)
    known, new = _hide_and_look(vectors, members, taxa, sample)

    wanted_known, wanted_new = ({rank: [] for rank in taxa.ranks} for _ in range(2))
    similarity = np.round((vectors @ vectors.T).astype(float), 6)
    for row in rows:
        own = lineages[of[row]]
        others = [j for j in rows if j != row]
        named = [r for r in RANKS if own[RANKS.index(r)]]

        def at(j, rank):
            return lineages[of[j]][RANKS.index(rank)]

        def beside(j, parent, row=row):
            return parent is None or at(j, parent) == at(row, parent)

        def best(candidates, row=row):
            return max((similarity[row, j] for j in candidates), default=None)

        lowest = named[-1]
        same = [j for j in others if at(j, lowest) == at(row, lowest)]
        below = best(others) if same else None
        visible = others
        for rank, parent in zip(named[::-1], [*named[-2::-1], None], strict=True):
            if below is not None:
                wanted_known[rank].append(below)
            visible = [
                j for j in visible
                if at(j, rank) != at(row, rank) and not (at(j, rank) is None and beside(j, parent))
            ]  # fmt: skip
            kin = [j for j in visible if beside(j, parent)]
            below = best(visible) if kin else None
            if below is not None:
                wanted_new[rank].append(below)
    for rank in taxa.ranks:
        np.testing.assert_allclose(known[rank], wanted_known[rank], atol=2e-6)
        np.testing.assert_allclose(new[rank], wanted_new[rank], atol=2e-6)


def test_the_fit_finds_the_middle_of_two_heaps():
    rng = np.random.default_rng(0)
    known, new = rng.normal(0.95, 0.02, 4_000), rng.normal(0.85, 0.02, 400)
    midpoint, slope = fit_logistic(known, new)
    # Equal normal heaps: the log-odds are linear, (0.1 / 0.02^2) per unit, and zero half-way.
    assert midpoint == pytest.approx(0.90, abs=0.005)
    assert slope == pytest.approx(0.1 / 0.02**2, rel=0.25)


def test_a_slope_never_falls_with_similarity():
    rng = np.random.default_rng(0)
    midpoint, slope = fit_logistic(rng.normal(0.8, 0.1, 100), rng.normal(0.9, 0.1, 100))
    assert slope == 0
    curve = RankCurve(midpoint, slope, 100, 100, "", "")
    assert curve.probability(np.array([0.1, 0.9])).tolist() == [0.5, 0.5]


def test_heaps_that_do_not_overlap_have_a_finite_slope():
    midpoint, slope = fit_logistic(np.array([0.9, 0.95]), np.array([0.1, 0.2]))
    assert 0.2 < midpoint < 0.9 and np.isfinite(slope)


def test_what_is_known_below_is_known_above():
    curves = {
        "genus": RankCurve(0.95, 50, 1, 1, "", ""),  # fitted above the species' midpoint, by chance
        "species": RankCurve(0.90, 50, 1, 1, "", ""),
    }
    known = Calibration(curves).known(np.linspace(0, 1, 50))
    assert (known[:, 0] >= known[:, 1]).all()
    assert (np.diff(known, axis=0) >= 0).all()


def test_a_small_reference_falls_back_on_customary_limits():
    """One record: nothing can be hidden from itself, and yet a far query is not forced into it."""
    rng = np.random.default_rng(0)
    bases = "".join(rng.choice(list("ACGT"), 650))
    record = SequenceRecord("only", "", bases, 1, len(bases))
    labelled = [(record, lineage("F", "G", "G s"))]
    index, report = build_index(labelled, KmerCounter(5))
    assert report.used == report.distinct == 1
    curves = index.calibration.curves
    sources = {source for c in curves.values() for source in (c.known_from, c.new_from)}
    assert sources == {"mutated copies"}
    midpoints = [curve.midpoint for curve in curves.values()]
    assert midpoints == sorted(midpoints)  # the higher the rank, the farther a relative may be
    same, far = index.calibration.known(np.array([1.0, 0.1]))
    assert (same > 0.5).all() and (far < 0.5).all()
