"""MEAP: causal language modelling with some of the inputs masked.

From Zhuang et al., arXiv 2502.07490. The next token is predicted whether it is masked or not.
The paper's fraction of 15 % could not be checked and is only a default.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.masking import choose_hidden
from barcodeembed.errors import TrainingError
from barcodeembed.model.tokenizer import MASK
from barcodeembed.objectives.base import Inputs
from barcodeembed.objectives.clm import CausalLanguageModel


class MaskedCausalModel(CausalLanguageModel):
    """Masked causal language model (MEAP): predict each k-mer, with some before it masked."""

    @dataclass(frozen=True, slots=True)
    class Options:
        mask_ratio: float = 0.15

        def __post_init__(self) -> None:
            if not 0 < self.mask_ratio < 1:
                raise TrainingError(f"mask_ratio is {self.mask_ratio}, not between 0 and 1")

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        merge = self.config.merge
        first_BT = batch.tokens_BT[:, ::merge]
        hidden_BT = choose_hidden(first_BT, self.options.mask_ratio, rng).repeat(merge, 1)
        inputs = super().prepare(batch, rng)
        return inputs | {"tokens": np.where(hidden_BT, MASK, inputs["tokens"])}
