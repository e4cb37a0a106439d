"""The entropy of the positions of the marker, and masking by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from objective_cases import TINY, make, make_corpus

from barcodeembed.corpus.batches import Batches
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.site_entropy import site_entropies
from barcodeembed.errors import TrainingError
from barcodeembed.sequences.anchor import MarkerPositions

#: Of the 12 positions of the tokens, those at which barcodes differ.
VARIABLE = (2, 7)
ANCHORED = replace(TINY, anchored=True, positions="learned", max_tokens=12)


def marker_corpus(rows: int = 400) -> Corpus:
    """Return barcodes of one gene, each without some bases at its beginning."""
    rng = np.random.default_rng(0)
    k = TINY.k
    bases = np.tile(rng.integers(0, 4, 12 * k), (rows, 1))
    for site in VARIABLE:
        bases[:, site * k] = np.arange(rows) % 4
    first = rng.integers(0, 5, rows)
    codes = np.concatenate([row[skipped:] for row, skipped in zip(bases, first, strict=True)])
    lengths = 12 * k - first
    none = np.zeros(0, np.int64)
    return replace(
        make_corpus(rows),
        codes=codes.astype(np.uint8),
        starts=lengths.cumsum() - lengths,
        lengths=lengths,
        marker_positions=MarkerPositions(first, np.zeros(rows, np.int64), none, none),
    )


@pytest.mark.parametrize("merge", [1, 2])
def test_only_variable_positions_have_entropy(merge):
    entropies = site_entropies(marker_corpus(), replace(ANCHORED, merge=merge))
    expected = np.zeros(12)
    expected[[site // merge for site in VARIABLE]] = 2 / merge  # four k-mers, equally frequent
    np.testing.assert_allclose(entropies, expected, atol=0.01)


@pytest.mark.parametrize("name", ["mlm", "maelm", "codes"])
def test_variable_positions_are_hidden(name):
    corpus = marker_corpus()
    objective = make(name, corpus, ANCHORED, sites="variable", mask_ratio=0.17)
    batches = Batches(corpus, ANCHORED.tokenizer, size=64, parts=1, max_tokens=12, seed=0)
    batch = batches.batch(0, 0)
    inputs = objective.prepare(batch, np.random.default_rng(0))
    hidden = batch.positions_BT.reshape(-1)[inputs["predicted"]]
    assert len(hidden) == 2 * len(batch.rows) and np.isin(hidden, VARIABLE).all()


def test_without_an_anchor_there_are_no_sites():
    with pytest.raises(TrainingError, match="sites=variable needs an anchored model"):
        make("mlm", sites="variable")
    with pytest.raises(TrainingError, match="single tokens"):
        make("mlm", sites="variable", span=2)
    with pytest.raises(TrainingError, match="sites is 'some'"):
        make("mlm", sites="some")
