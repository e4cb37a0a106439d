"""Self-evolution: hide the k-mers that an earlier state of the model could not predict.

After Vega v2 (Zhong et al., arXiv 2212.01853). The first part of the run is masked language
modelling. Its encoder and head are then copied and frozen, as the reference. In the rest of the run

- the reference predicts every k-mer of a barcode, and the k-mers with the highest loss are hidden
  (self-questioning);
- the target is not only the original, but also, with the weight ``smoothing``, the probabilities
  that the reference gives (rectified smooth labels).

In the paper the reference reads the whole sentence. A reference that was trained with masks only
has never predicted a token that it sees. Here it reads the barcode twice, and each time predicts
the k-mers that are masked: first the random ones, then all others.
Shapes: B sequences, T tokens, K k-mers (T, unless the model merges k-mers), D width of a k-mer's
features, N hidden k-mers, V kinds of k-mers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import Masking
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import MASK, PAD, SPECIAL_TOKENS
from barcodeembed.objectives.base import (
    Inputs,
    KmerPrediction,
    kmer_features,
    kmer_head,
    padded,
    token_features,
)


class Evolution(KmerPrediction):
    """Self-evolution (Vega v2): hide the k-mers that an earlier state of the model got wrong."""

    merges = True
    taken: Tensor

    @dataclass(frozen=True, slots=True)
    class Options(Masking):
        """Settings.

        Attributes:
            begin: The fraction of the run after which the reference is taken.
            smoothing: Weight of the probabilities of the reference in the target.
        """

        begin: float = 0.5
        smoothing: float = 0.1

        def __post_init__(self) -> None:
            Masking.__post_init__(self)
            if self.random or self.kept:
                raise TrainingError("evolve masks all hidden k-mers; random and kept must be 0")
            if not (0 <= self.begin < 1 and 0 <= self.smoothing < 1):
                raise TrainingError("begin and smoothing must be in [0, 1)")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.site_weights = options.weights(corpus, config)
        # Saved with the run, so that a run that is resumed has the same reference.
        self.reference = Encoder(config).requires_grad_(False)
        self.reference_head = kmer_head(config).requires_grad_(False)
        self.register_buffer("taken", torch.zeros((), dtype=torch.int32))
        # The same on the CPU. A GPU would have to be waited for.
        self._taken = False
        self.register_load_state_dict_post_hook(_resume)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        merge, tokens_BK = self.config.merge, batch.tokens_BT
        hidden_BK = self.options.hide(batch, self.config.k, rng, merge, self.site_weights)
        return {
            "kmers": tokens_BK,
            "hidden": hidden_BK,
            "count": int(hidden_BK.sum()),
            "positions": batch.positions_BT,
            "padded": padded(tokens_BK),
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        evolves = self.progress >= self.options.begin
        hidden_BK, theirs_KD = inputs["hidden"], None
        if evolves:
            self._take_reference(encoder)
            hidden_BK, theirs_KD = self.question(inputs)
        # The hidden k-mers first. Their number is known, so a GPU does not wait for it.
        index_N = (~hidden_BK).flatten().byte().argsort(stable=True)[: inputs["count"]]
        tokens_N = inputs["kmers"].flatten()[index_N]
        known_N = (tokens_N >= SPECIAL_TOKENS).float()
        classes_N = (tokens_N - SPECIAL_TOKENS).clamp(min=0)
        logits_NV = self.head(_features(encoder, inputs, hidden_BK)[index_N]).float()
        losses_N = F.cross_entropy(logits_NV, classes_N, reduction="none")
        if theirs_KD is not None:
            theirs_NV = self.reference_head(theirs_KD[index_N]).float()
            losses_N = rectified(losses_N, logits_NV, theirs_NV, self.options.smoothing)
        count = known_N.sum().clamp(min=1)
        correct_N = (logits_NV.argmax(-1) == classes_N) * known_N
        return {"loss": (losses_N * known_N).sum() / count, "accuracy": correct_N.sum() / count}

    @torch.no_grad()
    def question(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return the k-mers that the reference predicts worst, bool (B, K), and its features.

        As many are chosen in each barcode as are hidden in ``inputs``. All k-mers of a merged token
        are chosen together, by their mean loss. The features are (B * K, D).
        """
        kmers_BK, hidden_BK, merge = inputs["kmers"], inputs["hidden"], self.config.merge
        random_KD = _features(self.reference, inputs, hidden_BK)
        others_KD = _features(self.reference, inputs, ~hidden_BK)
        features_KD = torch.where(hidden_BK.flatten()[:, None], random_KD, others_KD)
        losses_K = F.cross_entropy(
            self.reference_head(features_KD).float(),
            (kmers_BK - SPECIAL_TOKENS).clamp(min=0).flatten(),
            reduction="none",
        )
        known_BTM = (kmers_BK >= SPECIAL_TOKENS).view(len(kmers_BK), -1, merge)
        losses_BTM = losses_K.view_as(known_BTM) * known_BTM
        losses_BT = losses_BTM.sum(-1) / known_BTM.sum(-1).clamp(min=1)
        losses_BT = losses_BT.masked_fill(kmers_BK[:, ::merge] == PAD, -torch.inf)
        ranks_BT = losses_BT.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        worst_BT = ranks_BT < hidden_BK[:, ::merge].sum(1, keepdim=True)
        return worst_BT.repeat_interleave(merge, 1), features_KD

    @torch.no_grad()
    def _take_reference(self, encoder: Encoder) -> None:
        """Copy the encoder and the head, the first time."""
        if not self._taken:
            self.reference.load_state_dict(encoder.state_dict())
            self.reference_head.load_state_dict(self.head.state_dict())
            self.taken.fill_(1)
            self._taken = True
        self.reference.eval()


def _resume(module: Evolution, keys: object) -> None:
    module._taken = bool(module.taken)


def rectified(losses_N: Tensor, ours_NV: Tensor, theirs_NV: Tensor, weight: float) -> Tensor:
    """Mix the losses (N,) with the cross-entropy of the reference's probabilities."""
    soft_N = -(theirs_NV.softmax(-1) * ours_NV.log_softmax(-1)).sum(-1)
    return (1 - weight) * losses_N + weight * soft_N


def _features(encoder: Encoder, inputs: Inputs, hidden_BK: Tensor) -> Tensor:
    """Return the features of all k-mers, (B * K, D), of an encoder that reads masks."""
    kmers_BK = inputs["kmers"]
    shown_BK = kmers_BK.masked_fill(hidden_BK & (kmers_BK != PAD), MASK)
    features_BTD = token_features(encoder, shown_BK, inputs["positions"], padded=inputs["padded"])
    return kmer_features(features_BTD, encoder.config)
