"""The generator's embeddings, given to the encoder without their gradient (GDES).

From DeBERTaV3 (He et al., arXiv 2111.09543), and CamemBERTav2 (arXiv 2411.08868). The encoder reads
the generator's embeddings plus differences of its own. The generator's loss trains the embeddings,
detection trains the differences, and so the two losses do not conflict.

Here the encoder's table is the sum at any time. Detection changes it as it would change the
differences, and `GivenTable.give` adds what the generator has learned since the step before. The
saved model therefore needs nothing else. Weight decay acts on the sum.
Shapes: V k-mers and special tokens, W width of an embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GivenTable(nn.Module):
    """The generator's own table (V, W), and what the encoder's table already has of it."""

    given: Tensor
    begun: Tensor

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        # Saved with the run, so that a resumed run gives nothing twice.
        self.register_buffer("given", torch.zeros(vocabulary, width))
        self.register_buffer("begun", torch.zeros((), dtype=torch.int32))
        # The same on the CPU. A GPU would have to be waited for.
        self._begun = False
        self.register_load_state_dict_post_hook(_resume)

    @torch.no_grad()
    def give(self, encoder_VW: Tensor) -> None:
        """Add to the encoder's table what the generator's has changed since the last call.

        The first call copies the encoder's table, so that there are no differences at first.
        """
        own_VW = self.table.weight
        if not self._begun:
            own_VW.copy_(encoder_VW)
            self.given.copy_(own_VW)
            self.begun.fill_(1)
            self._begun = True
        encoder_VW.add_(own_VW - self.given)
        self.given.copy_(own_VW)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.table(tokens)


def _resume(module: GivenTable, keys: object) -> None:
    module._begun = bool(module.begun)
