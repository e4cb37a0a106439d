"""Swapped language modelling: random k-mers replace others, and the originals are predicted.

From Di Liello et al., arXiv 2309.08272. It is masked language modelling without a mask. The
encoder does not know which tokens were replaced, so it must both detect and correct them, as with
sequencing errors. Shapes: B sequences, T k-mers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.masking import targets
from barcodeembed.objectives.base import Inputs, KmerPrediction, padded
from barcodeembed.objectives.substitution import Substitution, random_others, replace


class SwappedLanguageModel(KmerPrediction):
    """Swapped language model (SLM): predict the originals of k-mers replaced by random ones."""

    merges = True

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
