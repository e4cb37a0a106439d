"""Clustered random token substitution: RTS (see rts.py) with plausible substitutes.

Di Liello et al., arXiv 2309.08272 (C-RTS), draw substitutes from clusters of tokens, and prefer
clusters on which the discriminator makes more errors. ``errors=yes`` does this. What the encoder
reads then depends on the history of the run (see error_clusters.py). By default it depends only on
seed and step, and a substitute always comes from the cluster of the original. In both cases the
clusters are computed once from the corpus.

K-mers are similar if they have the same neighbours. In barcodes of one gene, these are the
variants of one site. The vector of a k-mer is the square root of the distribution of its left and
right neighbours (Hellinger distances; Lebret and Collobert, arXiv 1312.5542). A random projection
shortens the vectors, and spherical k-means clusters them.
Shapes: B sequences, T tokens, V k-mers, S k-mers with neighbours, E projected width, C clusters,
N tokens to replace.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import targets
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import SPECIAL_TOKENS
from barcodeembed.objectives.base import Inputs, padded, token_features
from barcodeembed.objectives.error_clusters import ErrorClusters
from barcodeembed.objectives.rts import RandomSubstitution
from barcodeembed.objectives.substitution import detect, judge, kmer_indices
from barcodeembed.vectors.kmeans import choose_centres, most_similar, spherical_k_means

_BARCODES = 20_000
_PROJECTED = 128
_ITERATIONS = 20


class ClusteredSubstitution(RandomSubstitution):
    """Clustered random token substitution (C-RTS): detect k-mers replaced by similar ones."""

    @dataclass(frozen=True, slots=True)
    class Options(RandomSubstitution.Options):
        """Settings.

        Attributes:
            clusters: Number of clusters of k-mers.
            errors: Draw the cluster of a substitute by the errors of the encoder so far.
        """

        clusters: int = 100
        errors: bool = False

        def __post_init__(self) -> None:
            RandomSubstitution.Options.__post_init__(self)
            if self.clusters < 1:
                raise TrainingError(f"clusters is {self.clusters}, not a positive number")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        rng = np.random.default_rng(0)
        tokens_BT = sample_tokens(corpus, config, rng)
        kmers = 4**config.k
        counts_V = np.bincount(tokens_BT.reshape(-1), minlength=SPECIAL_TOKENS + kmers)
        cluster_V = cluster_kmers(tokens_BT, kmers, options.clusters, rng)
        counts_V = counts_V[SPECIAL_TOKENS:]
        self.alternatives = Alternatives(cluster_V, counts_V)
        self.by_errors: ErrorClusters | None = None
        if options.errors:
            # K-mers without neighbours are one cluster here.
            numbers_V = np.minimum(cluster_V, options.clusters)
            numbers_V = np.unique(numbers_V, return_inverse=True)[1]
            self.by_errors = ErrorClusters(numbers_V, counts_V)

    def substitutes(self, classes_P: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.alternatives.draw(classes_P, rng)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        if self.by_errors is None:
            return super().prepare(batch, rng)
        tokens_BT = batch.tokens_BT
        replaced, classes = targets(tokens_BT, self.options.choose(tokens_BT, rng))
        judged = kmer_indices(tokens_BT)
        return {
            "tokens": tokens_BT,
            "positions": batch.positions_BT,
            "padded": padded(tokens_BT),
            "judged": judged,
            "replaced": np.isin(judged, replaced, assume_unique=True),
            "indices": replaced,
            "classes": classes,
            "uniform": rng.random((len(replaced), 2)),
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        if self.by_errors is None:
            return super().forward(encoder, inputs)
        index_P, tokens_BT = inputs["indices"], inputs["tokens"]
        drawn_P = self.by_errors.draw(inputs["classes"], inputs["uniform"])
        shown_BT = tokens_BT.flatten().scatter(0, index_P, drawn_P + SPECIAL_TOKENS)
        features_BTD = token_features(
            encoder,
            shown_BT.view_as(tokens_BT),
            inputs["positions"],
            padded=inputs["padded"],
        )
        if self.training:
            missed_P = judge(self.head, features_BTD.detach(), index_P) <= 0
            self.by_errors.record(inputs["classes"], drawn_P, missed_P)
        return detect(self.head, features_BTD, inputs["judged"], inputs["replaced"])


class Alternatives:
    """The alternatives of each k-mer: the other k-mers of its cluster, by their frequency.

    ``cluster_V`` is the cluster of each k-mer, and ``counts_V`` its count in the corpus. The
    probability of an alternative is proportional to its count plus one. The alternatives of a
    k-mer that is alone in its cluster are all other k-mers.
    """

    def __init__(self, cluster_V: np.ndarray, counts_V: np.ndarray) -> None:
        self.cluster_V = cluster_V
        # K-mers are sorted by cluster, and each owns a range of integers as long as its weight.
        # An integer from the range of a cluster then draws a k-mer from that cluster.
        self._order = np.argsort(cluster_V, kind="stable")
        weights_V = counts_V.astype(np.int64) + 1
        self._ends = np.cumsum(weights_V[self._order])
        self._first, self._weight = np.empty_like(weights_V), weights_V
        self._first[self._order] = self._ends - weights_V[self._order]
        total_C = np.bincount(cluster_V, weights_V).astype(np.int64)
        alone_V = total_C[cluster_V] == weights_V
        self._low = np.where(alone_V, 0, (np.cumsum(total_C) - total_C)[cluster_V])
        self._total = np.where(alone_V, self._ends[-1], total_C[cluster_V])

    def draw(self, classes_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw an alternative for each k-mer, never the k-mer itself."""
        first_N, weight_N = self._first[classes_N], self._weight[classes_N]
        drawn_N = self._low[classes_N] + rng.integers(0, self._total[classes_N] - weight_N)
        # Skip the range of the k-mer itself.
        drawn_N += np.where(drawn_N >= first_N, weight_N, 0)
        return self._order[np.searchsorted(self._ends, drawn_N, side="right")]


def sample_tokens(corpus: Corpus, config: ModelConfig, rng: np.random.Generator) -> np.ndarray:
    """Return the k-mers (B, T) of random training barcodes, cut at random reading frames."""
    rows = rng.choice(corpus.train, min(_BARCODES, len(corpus.train)), replace=False)
    first_B = rng.integers(0, config.k, len(rows))
    counts_B = (corpus.lengths[rows] - first_B) // config.k
    longest = config.max_tokens * config.merge
    return config.tokenizer.encode_windows(
        corpus.codes, corpus.starts[rows] + first_B, np.minimum(counts_B, longest)
    )


def cluster_kmers(
    tokens_BT: np.ndarray, kmers: int, clusters: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the cluster (V,) of each k-mer. A k-mer without neighbours has its own cluster."""
    seen_S, vectors_SE = neighbour_vectors(tokens_BT, kmers, rng)
    cluster_V = clusters + np.arange(kmers)
    if len(seen_S):
        cluster_V[seen_S] = cluster_vectors(vectors_SE, clusters, rng)
    return cluster_V


def cluster_vectors(vectors_SE: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Return the cluster (S,) of each unit vector."""
    centres_CE = choose_centres(vectors_SE, min(clusters, len(vectors_SE)), rng)
    return spherical_k_means(
        vectors_SE,
        most_similar(vectors_SE, centres_CE),
        centres_CE,
        lambda sums, counts: unit(sums),
        iterations=_ITERATIONS,
    )


def neighbour_vectors(
    tokens_BT: np.ndarray, kmers: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k-mers (S,) that have neighbours, and their unit vectors (S, E)."""
    left, right = tokens_BT[:, :-1] - SPECIAL_TOKENS, tokens_BT[:, 1:] - SPECIAL_TOKENS
    both = (left >= 0) & (right >= 0)
    left, right = left[both], right[both]
    # Right neighbours are numbered from 0, left neighbours from ``kmers``.
    pairs = np.r_[left * 2 * kmers + right, right * 2 * kmers + kmers + left]
    pairs, counts = np.unique(pairs, return_counts=True)
    kmer, neighbour = np.divmod(pairs, 2 * kmers)
    seen_S, row = np.unique(kmer, return_inverse=True)
    values = np.sqrt(counts / np.bincount(row, counts)[row])
    projection = rng.standard_normal((2 * kmers, _PROJECTED), np.float32)
    profiles = torch.sparse_coo_tensor(
        torch.from_numpy(np.stack((row, neighbour))),
        torch.from_numpy(values.astype(np.float32)),
        (len(seen_S), 2 * kmers),
        check_invariants=True,
    )
    return seen_S, unit((profiles @ torch.from_numpy(projection)).numpy())


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1. Zero vectors do not change."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
