"""The neighbours of fragments: a wide net by vectors, narrowed by rare k-mers and alignment."""

from __future__ import annotations

from collections import Counter
from math import log

import numpy as np
import pytest

from barcodeembed.scoring.candidates import Finder
from barcodeembed.scoring.identity import Identities, identities
from barcodeembed.sequences.rare_kmers import RareKmers
from barcodeembed.vectors.normalise import normalise


def barcodes(count: int, length: int = 300, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), length)) for _ in range(count)]


def kmers(bases: str) -> list[str]:
    return [bases[i : i + 8] for i in range(len(bases) - 7) if "N" not in bases[i : i + 8]]


def test_scores_equal_a_count_of_shared_kmers():
    """Compare with sets of text. Ambiguous bases and short references have no 8-mers."""
    references = [*barcodes(30, 60), "ACGT", "ACGTNCGTACGTTGCA", ""]
    references.append(references[0][:30] + references[1][30:])
    query = references[0][10:50] + "N" + references[2][:20]
    found = Counter(k for r in references for k in set(kmers(r)))
    weight = {k: log((1 + len(references)) / (1 + n)) for k, n in found.items()}
    wanted = [sum(weight[k] for k in kmers(r) if k in set(kmers(query))) for r in references]
    scores = RareKmers(references).scores(query, np.arange(len(references)))
    np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-5)
    assert scores.argmax() == 0


@pytest.fixture(scope="module")
def reference() -> tuple[list[str], np.ndarray]:
    """Random barcodes with random vectors, so that only k-mers find the source of a fragment."""
    rng = np.random.default_rng(1)
    return barcodes(200), normalise(rng.standard_normal((200, 8)).astype(np.float32))


def finder(sequences: list[str], **changes) -> Finder:
    def align(queries, rows) -> Identities:
        return identities(queries, sequences, rows)

    return Finder(5, changes.pop("weight", 0.0), 300.0, align, RareKmers(sequences))


@pytest.mark.parametrize("length", [100, 220])
def test_a_fragment_finds_its_source_anywhere_in_the_net(length, reference):
    sequences, vectors = reference
    queries = [sequences[i][40 : 40 + length] for i in range(20)]
    asked = vectors[100:120]  # the vectors of other barcodes
    widths = {finder(sequences).width(length)}
    found = finder(sequences).find(vectors, queries, asked)
    assert widths == {1_000 if length == 100 else 100}
    reachable = [
        i in np.argsort(-(vectors @ asked[i]), kind="stable")[: max(widths)] for i in range(20)
    ]
    assert sum(reachable) > 5
    assert [row == i for i, row in enumerate(found.rows[:, 0])] == reachable
    assert (found.identities.percents[reachable, 0] == 100).all()
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
