"""Pseudo-labels: predict coarse codes and amino acids of hidden k-mers, in mixed barcodes.

After MERT (Li et al., arXiv 2306.00107), which learns music from two teachers. One gives residual
codes of the sound, the other what a listener would call it, its pitches. Here

- the codes are clusters of k-mers with similar neighbours, as in ``crts``. The codes of the first
  level are clusters of k-mers, those of each further level clusters of what the levels before have
  not explained. They are computed once, from the corpus;
- the second teacher is the genetic code: the amino acid in which the middle base of the k-mer lies.

MERT adds the sound of another piece of the batch to a part of each piece. Here a part of some
barcodes is replaced by that of another barcode of the batch, as in a chimera. The targets are
always those of the barcode itself.
Shapes: B sequences, T tokens, K k-mers (T, unless the model merges k-mers), N hidden k-mers,
V kinds of k-mers, S k-mers with neighbours, E width of their vectors, C levels of codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import Masking
from barcodeembed.corpus.translation import ACIDS, acids_of
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import PAD
from barcodeembed.objectives.base import Inputs, kmer_features, token_features
from barcodeembed.objectives.crts import cluster_vectors, neighbour_vectors, sample_tokens, unit
from barcodeembed.objectives.mlm import MaskedLanguageModel

#: The maximum part of a barcode that is replaced by another one.
_LONGEST = 0.5


class PseudoLabels(MaskedLanguageModel):
    """Pseudo-labels (MERT): predict codes and amino acids of hidden k-mers, in mixed barcodes."""

    @dataclass(frozen=True, slots=True)
    class Options(Masking):
        """Settings.

        Attributes:
            codes: Codes of each level.
            levels: Number of levels.
            acids: Weight of the amino acids; 0 leaves them out, for markers without proteins.
            chimeras: Fraction of the barcodes of which a part is replaced by another barcode.
        """

        codes: int = 32
        levels: int = 2
        acids: float = 1.0
        chimeras: float = 0.5

        def __post_init__(self) -> None:
            Masking.__post_init__(self)
            if self.codes < 2 or self.levels < 1:
                raise TrainingError(f"codes {self.codes} or levels {self.levels} is too small")
            if self.acids < 0 or not 0 <= self.chimeras <= 1:
                raise TrainingError("acids must not be negative, and chimeras be in [0, 1]")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        width, sampled = config.width // config.merge, np.random.default_rng(0)
        tokens_BT = sample_tokens(corpus, config, sampled)
        self.codes_CV = residual_codes(
            tokens_BT, 4**config.k, options.codes, options.levels, sampled
        )
        sizes = [options.codes] * options.levels + [ACIDS] * bool(options.acids)
        del self.head  # of k-mers
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in sizes).apply(initialise)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        inputs = super().prepare(batch, rng)
        classes_N, index_N = inputs.pop("classes"), inputs["predicted"]
        labels = [*self.codes_CV[:, classes_N]]
        if self.options.acids:
            labels.append(acids_of(batch.tokens_BT, self.config.k).reshape(-1)[index_N])
        mixed_BK = mix(batch.tokens_BT, self.config.merge, self.options.chimeras, rng)
        # What is hidden stays hidden.
        shown_BK = inputs["tokens"] == batch.tokens_BT
        tokens_BK = np.where(shown_BK, mixed_BK, inputs["tokens"])
        return inputs | {"tokens": tokens_BK, "labels": np.stack(labels)}

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BTD = token_features(
            encoder, inputs["tokens"], inputs["positions"], padded=inputs["padded"]
        )
        hidden_ND = kmer_features(features_BTD, encoder.config)[inputs["predicted"]]
        results = [
            _loss(head(hidden_ND).float(), labels_N)
            for head, labels_N in zip(self.heads, inputs["labels"], strict=True)
        ]
        codes, acids = results[: self.options.levels], results[self.options.levels :]
        metrics = {"code_loss": torch.stack([loss for loss, _ in codes]).mean()}
        metrics |= {"loss": metrics["code_loss"], "accuracy": codes[0][1]}
        for loss, accuracy in acids:
            metrics["loss"] = metrics["loss"] + self.options.acids * loss
            metrics |= {"acid_loss": loss, "acid_accuracy": accuracy}
        return metrics


def residual_codes(
    tokens_BT: np.ndarray, kmers: int, codes: int, levels: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the codes of each k-mer, int64 (C, V); -1 for k-mers without neighbours."""
    codes_CV = np.full((levels, kmers), -1, np.int64)
    seen_S, rest_SE = neighbour_vectors(tokens_BT, kmers, rng)
    for codes_V in codes_CV if len(seen_S) else ():
        codes_V[seen_S] = found_S = cluster_vectors(unit(rest_SE), codes, rng)
        sums = np.zeros((codes, rest_SE.shape[1]))
        np.add.at(sums, found_S, rest_SE)
        means = sums / np.maximum(np.bincount(found_S, minlength=codes), 1)[:, None]
        rest_SE = rest_SE - means[found_S]
    return codes_CV


def mix(tokens_BK: np.ndarray, merge: int, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Return tokens in which a stretch of some barcodes is that of another one of the batch.

    The stretch has the same columns in both, and is up to half as long as the batch is wide.
    Padding stays where it is.
    """
    rows, tokens = len(tokens_BK), tokens_BK.shape[1] // merge
    other_B = (np.arange(rows) + rng.integers(1, max(rows, 2), rows)) % rows
    length_B = rng.integers(1, max(int(_LONGEST * tokens), 1) + 1, rows)
    length_B = np.where(rng.random(rows) < fraction, length_B, 0)
    first_B = rng.integers(0, np.maximum(tokens - length_B, 0) + 1)
    columns_T = np.arange(tokens)
    inside_BT = (columns_T >= first_B[:, None]) & (columns_T < (first_B + length_B)[:, None])
    others_BK = tokens_BK[other_B]
    replaced_BK = inside_BT.repeat(merge, 1) & (tokens_BK != PAD) & (others_BK != PAD)
    return np.where(replaced_BK, others_BK, tokens_BK)


def _loss(logits_NV: Tensor, labels_N: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean cross-entropy and the accuracy of the labels that are not -1."""
    count = (labels_N >= 0).sum().clamp(min=1)
    loss = F.cross_entropy(logits_NV, labels_N, ignore_index=-1, reduction="sum") / count
    return loss, (logits_NV.argmax(-1) == labels_N).sum() / count
