"""The neighbours of fragments: a wide net by vectors, narrowed by rare k-mers and alignment."""

from __future__ import annotations

from collections import Counter
from math import log

import numpy as np
import pytest

from barcodeembed.scoring.candidates import Finder, Weights, best
from barcodeembed.scoring.identity import Identities, identities
from barcodeembed.sequences import shared_kmers
from barcodeembed.sequences.shared_kmers import SharedKmers, sampled_hashes
from barcodeembed.vectors.normalise import normalise


def barcodes(count: int, length: int = 300, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), length)) for _ in range(count)]


def kmers(bases: str) -> set[str]:
    return {bases[i : i + 12] for i in range(len(bases) - 11) if "N" not in bases[i : i + 12]}


def test_scores_equal_a_count_of_shared_kmers():
    """Compare with sets of text. One 12-mer in four is sampled, the same ones everywhere."""
    references = [*barcodes(30, 160), "ACGT", "ACGTNCGTACGTTGCA", ""]
    references.append(references[0][:80] + references[1][80:])
    queries = [references[0][10:150], references[0][10:90] + "N" + references[2][:70], "ACGT"]
    found = Counter(k for r in references for k in kmers(r))
    shared = SharedKmers.of(references)
    sampled = {k for k in found if shared.scores(k).any()}
    assert 0.2 < len(sampled) / len(found) < 0.3

    def rarity(some: set[str]) -> float:
        return sum(log((1 + len(references)) / found[k]) for k in some & sampled)

    for query in queries:
        wanted = np.array([rarity(kmers(r) & kmers(query)) for r in references])
        # Every k-mer of a query is in a reference, except those over the joints.
        missing = sum(len(sampled_hashes([k])) for k in kmers(query) - set(found))
        total = rarity(kmers(query)) + missing * log(1 + len(references))
        np.testing.assert_allclose(
            shared.scores(query), wanted / max(total, 1e-9), rtol=1e-9, atol=1e-9
        )
    assert shared.scores(queries[0]).argmax() == 0
    assert best(shared.scores("ACGT"), 5).tolist() == []


def test_frequent_kmers_are_left_out_of_long_queries(monkeypatch):
    common, own = barcodes(2, 200, seed=3)
    references = [common] * 50 + [common + own]
    monkeypatch.setattr("barcodeembed.sequences.shared_kmers._MAX_POSTINGS", 100)
    scores = SharedKmers.of(references).scores(common + own)
    assert best(scores, 3)[0] == 50
    # The 12-mers of ``own``, and not more than two of the others.
    assert np.unique(scores).size <= 3


def test_the_best_are_in_order_and_equal_ones_by_row():
    rng = np.random.default_rng(0)
    for count in (1, 7, 40):
        scores = rng.integers(0, 9, 50).astype(float)
        wanted = [row for row in np.lexsort((np.arange(50), -scores)) if scores[row] > 0]
        assert best(scores, count).tolist() == wanted[:count]


@pytest.fixture(scope="module")
def reference() -> tuple[list[str], np.ndarray]:
    """Random barcodes with random vectors, so that only k-mers find the source of a fragment."""
    rng = np.random.default_rng(1)
    return barcodes(200), normalise(rng.standard_normal((200, 8)).astype(np.float32))


def finder(sequences: list[str], **changes) -> Finder:
    def align(queries, rows) -> Identities:
        return identities(queries, sequences, rows)

    whole = Weights(0.02, changes.pop("weight", 0.0))
    return Finder(5, 5, whole, Weights(0.05, 8.0), 300.0, align, SharedKmers.of(sequences))


@pytest.mark.parametrize("length", [100, 220])
def test_a_fragment_finds_its_source_that_no_vector_finds(length, reference):
    sequences, vectors = reference
    queries = [sequences[i][40 : 40 + length] for i in range(20)]
    asked = vectors[100:120]  # the vectors of other barcodes
    found = finder(sequences).find(vectors, queries, asked)
    assert found.rows[:, 0].tolist() == list(range(20))
    assert (found.identities.percents[:, 0] == 100).all()
    np.testing.assert_allclose(found.similarities[:, 0], (asked * vectors[:20]).sum(1), atol=1e-6)
    assert found.rows.shape == (20, 5)


def test_a_whole_barcode_has_the_neighbours_by_vectors(reference):
    sequences, vectors = reference
    found = finder(sequences).find(vectors, sequences[:20], vectors[100:120])
    wanted = np.argsort(-(vectors[100:120] @ vectors.T), 1, kind="stable")[:, :5]
    np.testing.assert_array_equal(found.rows, wanted)
    assert found.identities.percents.shape == (20, 1)


@pytest.mark.parametrize("weight", [0.0, 4.0])
def test_neighbours_do_not_depend_on_the_other_queries(weight, reference):
    sequences, vectors = reference
    queries = [sequences[i][: 300 if i % 3 else 90 + 60 * (i % 4)] for i in range(12)]
    together = finder(sequences, weight=weight).find(vectors, queries, vectors[50:62])
    for i, query in enumerate(queries):
        alone = finder(sequences, weight=weight).find(vectors, [query], vectors[50 + i : 51 + i])
        np.testing.assert_array_equal(together.rows[i], alone.rows[0])
        np.testing.assert_array_equal(together.scores[i], alone.scores[0])
        aligned = alone.identities.percents.shape[1]
        np.testing.assert_array_equal(
            together.identities.percents[i, :aligned], alone.identities.percents[0]
        )
        assert np.isnan(together.identities.percents[i, aligned:]).all()


def test_a_reference_smaller_than_the_number_of_neighbours(reference):
    sequences, vectors = reference
    found = finder(sequences[:3]).find(vectors[:3], [sequences[1][:90]], vectors[:1])
    assert found.rows.shape == (1, 3)
    assert found.rows[0, 0] == 1


# The k-mers of groups, and of a part of the references.


def grouped(seed: int = 0) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return sequences and the members (row, group) of six groups; one sequence is in two."""
    rng = np.random.default_rng(seed)
    sequences = barcodes(14, 150, seed)
    sequences[3] = sequences[2][:100] + sequences[4][100:]
    groups = np.concatenate([np.arange(6), rng.integers(0, 6, 8), [5]])
    return sequences, np.append(np.arange(14), 0), groups


def same(one: SharedKmers, other: SharedKmers) -> bool:
    return one.references == other.references and all(
        np.array_equal(a, b) for a, b in zip(one.postings, other.postings, strict=True)
    )


def test_a_group_has_the_kmers_of_all_its_members():
    sequences, rows, groups = grouped()
    joined = ["N".join(sequences[r] for r in rows[groups == g]) for g in range(6)]
    assert same(SharedKmers.of_groups(sequences, rows, groups, 6), SharedKmers.of(joined))


@pytest.mark.parametrize(("chunk", "at_once"), [(1, 1), (700, 100), (1 << 22, 1)])
def test_the_kmers_do_not_depend_on_how_many_are_in_memory(chunk, at_once, monkeypatch):
    sequences, rows, groups = grouped()
    all_at_once = SharedKmers.of(sequences), SharedKmers.of_groups(sequences, rows, groups, 6)
    monkeypatch.setattr(shared_kmers, "_CHUNK", chunk)
    monkeypatch.setattr(shared_kmers, "_SORTED", at_once)
    assert same(all_at_once[0], SharedKmers.of(sequences))
    assert same(all_at_once[1], SharedKmers.of_groups(sequences, rows, groups, 6))


@pytest.mark.parametrize("seed", range(4))
def test_a_part_of_the_references_equals_an_index_of_this_part(seed):
    sequences, _, _ = grouped(seed)
    chosen = np.random.default_rng(seed).random(14) < (0.5 if seed else 0.0)
    part = [sequences[i] for i in np.flatnonzero(chosen)]
    taken = SharedKmers.of(sequences).take(chosen)
    assert (
        same(taken, SharedKmers.of(part))
        if part
        else taken.references == len(taken.postings.rows) == 0
    )


def test_the_score_of_hashes_is_that_of_a_reference_with_them():
    sequences, _, _ = grouped()
    shared = SharedKmers.of(sequences)
    query = sequences[3][20:140]
    scores = shared.scores(query)
    assert 0 < scores[2] < scores[3] == 1.0
    for i, sequence in enumerate(sequences):
        assert shared.score_of(query, sampled_hashes([sequence])) == pytest.approx(scores[i])
    assert shared.score_of(query, sampled_hashes([])) == 0.0


def test_prototypes_of_a_fragment_are_ranked_by_their_kmers(reference):
    """Without alignments, shared k-mers find the source of a fragment that no vector finds."""
    sequences, vectors = reference
    kmers = SharedKmers.of(sequences)
    prototypes = Finder(5, 5, Weights(0.02), Weights(0.05, 2.0), 300.0, kmers=kmers)
    queries = [sequences[i][40:180] for i in range(20)] + sequences[20:22]
    found = prototypes.find(vectors, queries, vectors[100:122])
    assert found.rows[:20, 0].tolist() == list(range(20))
    assert found.identities is None
    np.testing.assert_allclose(found.shared[:20, 0], 1.0)
    assert (found.shared[20:] == 0.0).all()  # whole barcodes
    wanted = np.argsort(-(vectors[120:122] @ vectors.T), 1, kind="stable")[:, :5]
    np.testing.assert_array_equal(found.rows[20:], wanted)


@pytest.mark.parametrize("seed", range(6))
def test_the_closest_by_kmers_are_those_of_the_highest_scores(seed):
    """They are found without the scores of all references."""
    rng = np.random.default_rng(seed)
    base = "".join(rng.choice(list("ACGT"), 300))
    sequences = [mutated(base, rate, rng) for rate in rng.choice([0, 0.01, 0.05, 0.3], 60)]
    shared = SharedKmers.of(sequences + sequences[:10])
    given = np.array([69, 0, 5])
    for rate, length in ((0.0, 300), (0.02, 120), (0.1, 200), (0.7, 100), (0.0, 5)):
        query = mutated(base[:length], rate, rng)
        scores = shared.scores(query)
        for count in (1, 12, 200):
            rows, found, of_given = shared.closest(query, count, given)
            assert rows.tolist() == best(scores, count).tolist()
            assert found.tolist() == scores[rows].tolist()
            assert of_given.tolist() == scores[given].tolist()


def mutated(bases: str, rate: float, rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("ACGT")) if rng.random() < rate else base for base in bases)
