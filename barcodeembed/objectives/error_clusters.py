"""Substitutes from the clusters of k-mers that the encoder detects worst (C-RTS).

From Di Liello et al., arXiv 2309.08272. Counts of detected and missed substitutes are kept for each
pair of clusters, that of the original and that of the substitute. The cluster of a substitute is
drawn in proportion to the fraction that was missed, and the k-mer in proportion to its frequency.

The counts fade, because early errors say little about the encoder of today. They are saved with the
run, so that a resumed run continues with them. Several processes use the counts of the first one.
Shapes: P replaced k-mers, V k-mers, C clusters.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

#: What is left of a count after one step.
_KEPT = 0.99

#: Counted in advance for each pair: one missed substitute of two.
_MISSED, _JUDGED = 1.0, 2.0

#: So that a product with a random number below 1 is not rounded up.
_BELOW_ONE = 1 - 1e-9


class ErrorClusters(nn.Module):
    """Draws substitutes by the errors that were made so far.

    ``cluster_V`` is the cluster of each k-mer, numbered from 0, and ``counts_V`` its count in the
    corpus. All clusters have k-mers.
    """

    cluster: Tensor
    order: Tensor
    ends: Tensor
    weight: Tensor
    first: Tensor
    total: Tensor
    missed: Tensor
    judged: Tensor

    def __init__(self, cluster_V: np.ndarray, counts_V: np.ndarray) -> None:
        super().__init__()
        # K-mers are sorted by cluster, and each owns a range as long as its weight.
        order_V = np.argsort(cluster_V, kind="stable")
        weight_V = counts_V.astype(np.float64) + 1
        ends_V = np.cumsum(weight_V[order_V])
        first_V = np.empty_like(weight_V)
        first_V[order_V] = ends_V - weight_V[order_V]
        for name, values in (
            ("cluster", cluster_V),
            ("order", order_V),
            ("ends", ends_V),
            ("weight", weight_V),
            ("first", first_V),
            ("total", np.bincount(cluster_V, weight_V)),
        ):
            self.register_buffer(name, torch.from_numpy(values), persistent=False)
        clusters = int(cluster_V.max()) + 1
        for name in ("missed", "judged"):
            self.register_buffer(name, torch.zeros(clusters, clusters))

    def rates(self) -> Tensor:
        """Return the fraction of substitutes that were missed, (C, C): originals by substitutes."""
        return (self.missed + _MISSED) / (self.judged + _JUDGED)

    def draw(self, classes_P: Tensor, uniform_P2: Tensor) -> Tensor:
        """Draw a substitute (P,) for each k-mer, never the k-mer itself.

        ``uniform_P2`` has two random numbers for each, in [0, 1).
        """
        cluster_P, kmer_P = uniform_P2.double().clamp(max=_BELOW_ONE).unbind(1)
        own_P = self.cluster[classes_P]
        # A k-mer that is alone has no substitute in its own cluster.
        alone_P = self.total[own_P] == self.weight[classes_P]
        own_PC = own_P[:, None] == torch.arange(len(self.total), device=own_P.device)
        rates_PC = self.rates()[own_P].double().masked_fill(own_PC & alone_P[:, None], 0)
        sums_PC = rates_PC.cumsum(1)
        wanted_P1 = cluster_P[:, None] * sums_PC[:, -1:]
        chosen_P = torch.searchsorted(sums_PC, wanted_P1, right=True).squeeze(1)
        chosen_P = chosen_P.clamp(max=len(self.total) - 1)
        # Skip the range of the k-mer itself.
        weight_P = torch.where(chosen_P == own_P, self.weight[classes_P], 0.0)
        low_P = (self.total.cumsum(0) - self.total)[chosen_P]
        drawn_P = low_P + kmer_P * (self.total[chosen_P] - weight_P)
        drawn_P = drawn_P + torch.where(drawn_P >= self.first[classes_P], weight_P, 0.0)
        rows_P = torch.searchsorted(self.ends, drawn_P, right=True)
        return self.order[rows_P.clamp(max=len(self.order) - 1)]

    @torch.no_grad()
    def record(self, classes_P: Tensor, substitutes_P: Tensor, missed_P: Tensor) -> None:
        """Count which substitutes were missed."""
        pair_P = self.cluster[classes_P] * len(self.total) + self.cluster[substitutes_P]
        for counts, values_P in ((self.missed, missed_P), (self.judged, torch.ones_like(missed_P))):
            counts.mul_(_KEPT)
            counts.view(-1).scatter_add_(0, pair_P, values_P.to(counts.dtype))
