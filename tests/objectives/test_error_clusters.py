"""Substitutes from the clusters of k-mers that the encoder detects worst."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from objective_cases import (
    all_unknown,
    make,
    make_encoder,
    ragged,
    rectangle,
    rng,
    seen_by_encoder,
    to_torch,
)

from barcodeembed.model.tokenizer import MASK, SPECIAL_TOKENS
from barcodeembed.objectives.error_clusters import ErrorClusters

#: Six k-mers in three clusters: 0 and 1, 2 and 3 and 4, and 5 alone.
CLUSTERS = np.array([0, 0, 1, 1, 1, 2])
COUNTS = np.array([9, 1, 3, 0, 6, 4])


def drawn(clusters: ErrorClusters, kmer: int, count: int = 20_000) -> np.ndarray:
    """Return the fraction of each k-mer among the substitutes of one."""
    uniform = torch.from_numpy(rng().random((count, 2)))
    return np.bincount(clusters.draw(torch.full((count,), kmer), uniform), minlength=6) / count


def test_without_errors_clusters_are_drawn_equally_and_kmers_by_frequency():
    found = drawn(ErrorClusters(CLUSTERS, COUNTS), 2)
    weights = COUNTS + 1
    expected = [weights[0] / 12, weights[1] / 12, 0, weights[3] / 8, weights[4] / 8, 1]
    np.testing.assert_allclose(found, np.array(expected) / 3, atol=0.015)


def test_a_kmer_alone_in_its_cluster_comes_from_the_others():
    found = drawn(ErrorClusters(CLUSTERS, COUNTS), 5)
    assert found[5] == 0
    np.testing.assert_allclose([found[:2].sum(), found[2:5].sum()], 0.5, atol=0.015)


def test_the_cluster_with_the_most_errors_is_drawn_most():
    """Substitutes of cluster 0 in place of cluster 1 were all missed, the others all detected."""
    clusters = ErrorClusters(CLUSTERS, COUNTS)
    classes = torch.tensor([2, 3, 4] * 300)
    for substitute, missed in ((1, True), (3, False), (5, False)):
        clusters.record(
            classes, torch.full_like(classes, substitute), torch.full((len(classes),), missed)
        )
    rates = clusters.rates()
    assert rates[1, 0] > 0.99 and rates[1, 1] < 0.01 and rates[1, 2] < 0.01
    assert (rates[[0, 2]] == 0.5).all()
    assert drawn(clusters, 4)[:2].sum() > 0.97


@pytest.mark.parametrize("ends", [(0.0, 0.0), (1 - 2**-53, 1 - 2**-53), (0.0, 1 - 2**-53)])
def test_the_ends_of_the_unit_interval_draw_another_kmer(ends):
    clusters = ErrorClusters(CLUSTERS, COUNTS)
    every = torch.arange(6)
    assert (clusters.draw(every, torch.tensor([ends] * 6, dtype=torch.float64)) != every).all()


@pytest.mark.parametrize("batch", [ragged(), rectangle()], ids=["ragged", "rectangle"])
def test_the_label_is_true_exactly_if_the_kmer_is_replaced(batch):
    objective, encoder = make("crts", errors="yes", replace_ratio=0.3), make_encoder()
    inputs = objective.prepare(batch, rng())
    (seen,) = seen_by_encoder(objective, encoder, inputs)
    assert not (seen == MASK).any()
    differs = (seen.numpy() != batch.tokens_BT).reshape(-1)[inputs["judged"]]
    np.testing.assert_array_equal(differs, inputs["replaced"])
    assert differs.any() and (seen.numpy()[batch.tokens_BT < SPECIAL_TOKENS] < SPECIAL_TOKENS).all()


def test_errors_are_counted_in_training_only_and_saved():
    objective, encoder = make("crts", errors="yes"), make_encoder()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    objective.eval()
    objective(encoder, inputs)
    assert not objective.by_errors.judged.any()
    objective.train()
    torch.nn.init.zeros_(objective.head.weight)
    objective.head.bias.data.fill_(-1.0)  # detects nothing
    objective(encoder, inputs)
    assert objective.by_errors.judged.sum().item() == pytest.approx(len(inputs["indices"]))
    assert torch.equal(objective.by_errors.judged, objective.by_errors.missed)
    resumed = make("crts", errors="yes")
    resumed.load_state_dict(objective.state_dict())
    assert torch.equal(resumed.by_errors.missed, objective.by_errors.missed)


def test_detection_trains_the_encoder():
    objective, encoder = make("crts", errors="yes"), make_encoder()
    inputs = to_torch(objective.prepare(rectangle(), rng()))
    objective(encoder, inputs)["loss"].backward()
    assert encoder.tokens.weight.grad.any() and objective.head.weight.grad.any()


def test_nothing_to_replace_is_no_loss():
    objective = make("crts", errors="yes")
    found = objective(make_encoder(), to_torch(objective.prepare(all_unknown(), rng())))
    assert found["loss"].item() == 0 and not objective.by_errors.judged.any()
