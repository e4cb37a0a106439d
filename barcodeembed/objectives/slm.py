"""Swapped language modelling: random k-mers stand where others were, and those are predicted.

Di Liello et al., arXiv 2309.08272: masked language modelling without a mask. Which tokens were
replaced the encoder is not told, so it must both doubt and mend what it reads, as sequencing
errors ask of it. Shapes: B sequences, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.masking import targets
from barcodeembed.objectives.base import Inputs, KmerPrediction, padded
from barcodeembed.objectives.substitution import Substitution, random_others, replace


class SwappedLanguageModel(KmerPrediction):
    """Cross-entropy on the original of every k-mer that was replaced by a random other."""

    @dataclass(frozen=True, slots=True)
    class Options(Substitution):
        pass

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        tokens_BT = batch.tokens_BT
        predicted, classes = targets(tokens_BT, self.options.choose(tokens_BT, rng))
        others = random_others(classes, self.config.k, rng)
        return {
            "tokens": replace(tokens_BT, predicted, others),
            "positions": batch.positions_BT,
            "padded": padded(tokens_BT),
            "predicted": predicted,
            "classes": classes,
        }
