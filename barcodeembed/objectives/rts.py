"""Random token substitution: some k-mers are replaced by any others, the encoder says which.

Di Liello et al., arXiv 2309.08272: what ELECTRA (see rtd.py) asks, without a generator. No mask
ever enters the encoder, and every token is judged, not only the replaced. Shapes: B sequences,
T tokens, D width, P replaced tokens, N tokens to judge.
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
    detection_head,
    detection_losses,
    known_places,
    random_others,
    replace,
)


class RandomSubstitution(Objective):
    """Binary cross-entropy on every unambiguous k-mer: random substitute or original."""

    @dataclass(frozen=True, slots=True)
    class Options(Substitution):
        pass

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.head = detection_head(config)

    def substitutes(self, classes_P: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw another k-mer for each of these."""
        return random_others(classes_P, self.config.k, rng)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT = batch.tokens_BT
        places_P, classes_P = targets(tokens_BT, self.options.choose(tokens_BT, rng))
        shown_BT = replace(tokens_BT, places_P, self.substitutes(classes_P, rng))
        known_N = known_places(tokens_BT)
        return {
            "tokens": shown_BT,
            "positions": batch.positions_BT,
            "padded": padded(tokens_BT),
            "known": known_N,
            "replaced": (shown_BT != tokens_BT).reshape(-1)[known_N],
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        features_BTD = token_features(
            encoder, inputs["tokens"], inputs["positions"], padded=inputs["padded"]
        )
        known_ND = features_BTD.flatten(0, 1)[inputs["known"]]
        return detection_losses(self.head(known_ND).squeeze(-1), inputs["replaced"])
