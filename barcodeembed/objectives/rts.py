"""Random token substitution: random k-mers replace others, and the encoder detects them.

From Di Liello et al., arXiv 2309.08272. The task is that of ELECTRA (see rtd.py), without a
generator. The encoder never reads a mask, and judges every token, not only the replaced ones.
Shapes: B sequences, T k-mers, D width, P replaced k-mers, N k-mers to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import targets
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives.base import Inputs, Objective, padded, token_features
from barcodeembed.objectives.substitution import (
    Substitution,
    detect,
    detection_head,
    kmer_indices,
    random_others,
    replace,
)


class RandomSubstitution(Objective):
    """Random token substitution (RTS): detect k-mers replaced by random ones."""

    merges = True

    @dataclass(frozen=True, slots=True)
    class Options(Substitution):
        pass

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.head = detection_head(config)

    def substitutes(self, classes_P: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw a substitute for each k-mer."""
        return random_others(classes_P, self.config.k, rng)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT = batch.tokens_BT
        replaced_P, classes_P = targets(tokens_BT, self.options.choose(tokens_BT, rng))
        shown_BT = replace(tokens_BT, replaced_P, self.substitutes(classes_P, rng))
        judged_N = kmer_indices(tokens_BT)
        return {
            "tokens": shown_BT,
            "positions": batch.positions_BT,
            "padded": padded(tokens_BT),
            "judged": judged_N,
            "replaced": (shown_BT != tokens_BT).reshape(-1)[judged_N],
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BTD = token_features(
            encoder, inputs["tokens"], inputs["positions"], padded=inputs["padded"]
        )
        return detect(self.head, features_BTD, inputs["judged"], inputs["replaced"])
