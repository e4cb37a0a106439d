"""The generator of ERNIE-Gram: it proposes n-grams in place of hidden ones.

From Xiao et al., arXiv 2010.12148. A small generator reads masks, as the encoder of ``ngram`` does
without a generator, and samples an n-gram for each mask, or a single k-mer. The encoder reads the
whole sequence with these proposals, and never a mask. The generator is trained only by its own
loss, because no gradient passes through its samples.

In the paper an n-gram has one embedding. Here the encoder reads only k-mers, so that a proposal is
written out as its k-mers. It has as many as the n-gram that it replaces.
Shapes: B sequences, T tokens, G hidden n-grams, L n-grams of the lexicon, P hidden single tokens,
M tokens of hidden n-grams, N hidden tokens to predict, V k-mers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.lexicon import Lexicon
from barcodeembed.corpus.masking import targets
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import SPECIAL_TOKENS
from barcodeembed.objectives.base import Inputs, padded, token_losses
from barcodeembed.objectives.rtd import Generator, sample
from barcodeembed.objectives.substitution import kmer_indices


class GramGenerator(nn.Module):
    """A generator of half the encoder's width that proposes n-grams and single k-mers."""

    kmers: Tensor
    lengths: Tensor

    def __init__(self, config: ModelConfig, lexicon: Lexicon) -> None:
        super().__init__()
        width = max(1, config.width // 2)
        self.generator = Generator(config, width, layers=1, sharing="gdes")
        self.gram_head = nn.Linear(width, max(len(lexicon), 1))
        initialise(self.gram_head)
        for name, values in zip(("kmers", "lengths"), lexicon.kmers(), strict=True):
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def forward(self, table_VD: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return the whole sequences (B, T) with the proposals, and the loss of the generator."""
        features_NW = self.generator.features(
            table_VD, inputs["tokens"], inputs["positions"], padded=inputs["padded"]
        )
        grams_GL = self._same_length(self.gram_head(features_NW[inputs["grams"]]), inputs["ids"])
        singles_PV = self.generator.head(features_NW[inputs["singles"]])
        loss = (
            token_losses(grams_GL, inputs["ids"])["loss"]
            + token_losses(singles_PV, inputs["single_classes"])["loss"]
        )
        proposed_G = sample(grams_GL, inputs["gram_uniform"])
        written_M = self.kmers[proposed_G[inputs["member_of"]], inputs["member_offsets"]]
        written_P = sample(singles_PV, inputs["single_uniform"])
        whole_BT = inputs["whole"]
        flat = whole_BT.flatten()
        flat = flat.scatter(0, inputs["members"], written_M + SPECIAL_TOKENS)
        flat = flat.scatter(0, inputs["whole_singles"], written_P + SPECIAL_TOKENS)
        return flat.view_as(whole_BT), loss

    def _same_length(self, logits_GL: Tensor, ids_G: Tensor) -> Tensor:
        """Exclude n-grams of another length than the hidden one, which the gap shows anyway."""
        if not len(self.lengths):
            return logits_GL
        return logits_GL.float().masked_fill(
            self.lengths != self.lengths[ids_G][:, None], -math.inf
        )


def proposal_inputs(
    batch: Batch,
    grams_BT: np.ndarray,
    index_BT: np.ndarray,
    hidden_BT: np.ndarray,
    units_BT: np.ndarray,
    rng: np.random.Generator,
) -> Inputs:
    """Return what the generator and the encoder need in addition to the inputs of ``ngram``.

    ``grams_BT`` marks the first token of each hidden n-gram, ``hidden_BT`` all hidden tokens, and
    ``index_BT`` has the flat index of each in the shorter sequence that the generator reads.
    ``units_BT`` is the first column of each token's n-gram.
    """
    tokens_BT = batch.tokens_BT
    columns_BT = np.arange(tokens_BT.shape[1])
    in_gram_BT = hidden_BT & np.take_along_axis(grams_BT, units_BT, 1)
    members = np.flatnonzero(in_gram_BT)
    singles, classes = targets(tokens_BT, hidden_BT & ~in_gram_BT)
    first_BT = np.arange(len(tokens_BT))[:, None] * tokens_BT.shape[1] + units_BT
    predicted, _ = targets(tokens_BT, hidden_BT)
    number_BT = grams_BT.reshape(-1).cumsum().reshape(grams_BT.shape) - 1
    return {
        "whole": tokens_BT,
        "whole_positions": batch.positions_BT,
        "whole_padded": padded(tokens_BT),
        "whole_grams": np.flatnonzero(grams_BT),
        "whole_predicted": first_BT.reshape(-1)[predicted],
        "whole_singles": singles,
        "singles": index_BT.reshape(-1)[singles],
        "single_classes": classes,
        "single_uniform": rng.random(len(singles), np.float32),
        "gram_uniform": rng.random(int(grams_BT.sum()), np.float32),
        "members": members,
        "member_of": np.take_along_axis(number_BT, units_BT, 1).reshape(-1)[members],
        "member_offsets": (columns_BT - units_BT).reshape(-1)[members],
        "judged": kmer_indices(tokens_BT),
    }
