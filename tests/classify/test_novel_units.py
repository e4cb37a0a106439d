"""Units of novel queries: compared with a simple method, and on simulated species."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import SIMULATED, rows_of, run_here

from barcodeembed.classify.novel_units import (
    CombinedSimilarity,
    find_units,
    fit_combined_similarity,
)
from barcodeembed.evaluation.open_world.kmers import KmerCounter
from barcodeembed.index.bundle import ReferenceIndex
from barcodeembed.scoring.identity import percent_identity
from barcodeembed.sequences.reading import read_records
from barcodeembed.vectors.normalise import normalise

ANCESTORS = [
    record.sequence[:200] for record in list(read_records(SIMULATED / "reference.fasta"))[::40]
]


def mutate(bases: str, count: int, rng: random.Random) -> str:
    letters = list(bases)
    for at in rng.sample(range(len(letters)), count):
        letters[at] = rng.choice([base for base in "ACGT" if base != letters[at]])
    return "".join(letters)


def vectors_of(bases: list[str]) -> np.ndarray:
    return normalise(KmerCounter(3).encode(bases))


@st.composite
def queries(draw) -> list[str]:
    """Draw similar and dissimilar copies of a few barcodes, some of them twice."""
    rng = random.Random(draw(st.integers(0, 10_000)))
    made = [
        mutate(rng.choice(ANCESTORS[:3]), rng.choice([0, 1, 4, 8, 16]), rng)
        for _ in range(draw(st.integers(1, 25)))
    ]
    return made + rng.choices(made, k=3)


def slow_units(bases: list[str], vectors: np.ndarray, measure: CombinedSimilarity) -> list[str]:
    """Return the founder of each query by comparing all pairs."""
    vector = dict(zip(bases, vectors, strict=True))
    near, alike = {}, {}
    for one in vector:
        for other in vector:
            similarity = round(float(vector[one] @ vector[other]), 5)
            near[one, other] = similarity >= measure.reach
            identity = percent_identity(one, other) / 100
            alike[one, other] = (similarity + 2 * identity) / 3 if measure.vectors else identity
    busy = {one: sum(near[one, other] for other in bases) for one in vector}
    left, founders = sorted(vector, key=lambda one: (-busy[one], -len(one), one)), []
    while left:
        founders.append(left[0])
        left = [
            one
            for one in left
            if one != founders[-1]
            and not (near[founders[-1], one] and alike[founders[-1], one] >= measure.threshold)
        ]
    return [
        one
        if one in founders
        else max(
            (f for f in founders if near[f, one]), key=lambda f, one=one: round(alike[f, one], 6)
        )
        for one in bases
    ]


def parts(labels) -> set[frozenset[int]]:
    labels = list(labels)
    return {frozenset(i for i, l in enumerate(labels) if l == label) for label in labels}


@pytest.mark.parametrize(
    "measure", [CombinedSimilarity(0.97, True), CombinedSimilarity(0.97, False)]
)
@given(bases=queries())
def test_units_equal_those_of_a_simple_method(bases, measure):
    vectors = vectors_of(bases)
    assert parts(find_units(bases, vectors, measure)) == parts(slow_units(bases, vectors, measure))


@given(queries(), st.randoms(use_true_random=False))
def test_units_do_not_depend_on_the_order_and_are_numbered_by_appearance(bases, rng):
    measure = CombinedSimilarity(0.97, True)
    vectors = vectors_of(bases)
    units = find_units(bases, vectors, measure).tolist()
    assert list(dict.fromkeys(units)) == list(range(max(units) + 1))
    same = {}
    assert all(same.setdefault(one, unit) == unit for one, unit in zip(bases, units, strict=True))
    order = rng.sample(range(len(bases)), len(bases))
    again = find_units([bases[i] for i in order], vectors[order], measure)
    assert parts(units) == {frozenset(order[i] for i in part) for part in parts(again)}


def test_simulated_species_are_found():
    rng = random.Random(5)
    truth = [species for species in range(len(ANCESTORS)) for _ in range(4)]
    rng.shuffle(truth)
    bases = [mutate(ANCESTORS[species], rng.randrange(3), rng) for species in truth]
    for measure in (CombinedSimilarity(0.95, True), CombinedSimilarity(0.95, False)):
        assert parts(find_units(bases, vectors_of(bases), measure)) == parts(truth)


def test_no_queries_have_no_units():
    assert not len(find_units([], np.empty((0, 4), np.float32), CombinedSimilarity(0.97, True)))


@pytest.mark.slow
def test_the_threshold_is_fitted_if_there_are_pairs_of_one_species(
    index_bundle, model_bundle, tmp_path
):
    fitted = fit_combined_similarity(ReferenceIndex.open(index_bundle))
    assert fitted == fit_combined_similarity(ReferenceIndex.open(index_bundle))
    assert fitted.vectors
    assert 0.5 < fitted.threshold < 1
    lines = (SIMULATED / "reference.fasta").read_text().splitlines()
    for name, kept, more in (("few", 30, []), ("all", None, ["--prototypes", "species"])):
        (tmp_path / f"{name}.fa").write_text("\n".join(lines[:kept]) + "\n")
        path = tmp_path / f"{name}.bix"
        assert (
            run_here(
                "index",
                "build",
                tmp_path / f"{name}.fa",
                "-m",
                model_bundle,
                "-o",
                path,
                "-q",
                *more,
            )
            == 0
        )
        assert fit_combined_similarity(ReferenceIndex.open(path)) == CombinedSimilarity(0.97, False)


def test_the_command_writes_units_of_novel_reads_and_keeps_the_order(call, index_bundle, tmp_path):
    rng = random.Random(6)
    known = [record.sequence for record in read_records(SIMULATED / "reference.fasta")][::100]
    # A quarter of the bases differ: new to the reference, but still barcodes of the marker.
    strange = [
        "".join(rng.choice("ACGT") if rng.random() < 0.33 else base for base in bases)
        for bases in known[:3]
    ]
    reads = [*known, strange[0], strange[1], "ACGT", strange[0], known[0], strange[2], strange[1]]
    path = tmp_path / "reads.fa"
    path.write_text("".join(f">r{i}\n{bases}\n" for i, bases in enumerate(reads)))
    words = ("classify", path, "-i", index_bundle, "-q")
    plain = rows_of(call(*words).out)
    text = call(*words, "--cluster-novel").out
    rows = rows_of(text)
    assert text.split("\n")[0].endswith(
        "\tn_tied_taxa\tstart\tend\tnearest_taxon\tnearest_bin\tnovel_unit"
    )
    assert [{k: v for k, v in row.items() if k != "novel_unit"} for row in rows] == plain
    for row in rows:
        assert (row["novel_unit"] == "NA") == (row["status"] != "novel")
        assert row["novel_unit"] == "NA" or re.fullmatch(r"novel_\d{4}", row["novel_unit"])
    units = [row["novel_unit"] for row in rows if row["status"] == "novel"]
    first = list(dict.fromkeys(units))
    assert first == [f"novel_{i:04d}" for i in range(1, len(first) + 1)]
    unit = [row["novel_unit"] for row in rows]
    n = len(known)
    assert "NA" not in (unit[n], unit[n + 1], unit[n + 5])
    assert unit[n] == unit[n + 3] != unit[n + 1] == unit[n + 6]
    assert call(*words, "--cluster-novel", "--batch-size", 2).out == text
