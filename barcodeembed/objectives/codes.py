"""Codes: learn a codebook of k-mers, and predict the codes of hidden k-mers.

From w2v-BERT (Chung et al., arXiv 2108.06209), with the quantiser of wav2vec 2.0 (Baevski et al.,
arXiv 2006.11477). The encoder reads [MASK] at the hidden positions. A quantiser maps each hidden
k-mer to one code of a codebook. There are three losses:

- Contrast: from the output of the middle block, find the code of the hidden k-mer among those of
  other hidden k-mers of the barcode. It trains the first half of the encoder and the codebook.
- Prediction: from the output of the last block, predict the number of the code.
- Diversity: use all codes equally often.

The paper quantises frames of speech, which are continuous. Here k-mers are already discrete, and
the codebook joins those that occur in the same contexts. The quantiser takes the most probable
code, with the gradient of the softmax, instead of adding Gumbel noise.
Shapes: B sequences, T tokens, D width of a k-mer's features, N hidden k-mers, C codes, M other
hidden k-mers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.corpus.masking import Masking
from barcodeembed.errors import TrainingError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import initialise
from barcodeembed.model.tokenizer import SPECIAL_TOKENS
from barcodeembed.objectives.base import Inputs, kmer_features, token_features, token_losses
from barcodeembed.objectives.mlm import MaskedLanguageModel


class CodePrediction(MaskedLanguageModel):
    """Codes of hidden k-mers (w2v-BERT): contrast them after half of the blocks, predict them."""

    @dataclass(frozen=True, slots=True)
    class Options(Masking):
        """Settings.

        Attributes:
            codes: Size of the codebook.
            others: Number of other hidden k-mers of the barcode in the contrast.
            temperature: Divides the similarities of the contrast.
            diversity: Weight of the loss for unequal use of the codes.
        """

        codes: int = 64
        others: int = 20
        temperature: float = 0.1
        diversity: float = 0.1

        def __post_init__(self) -> None:
            Masking.__post_init__(self)
            if self.codes < 2 or self.others < 1:
                raise TrainingError(f"codes {self.codes} or others {self.others} is too small")
            if self.temperature <= 0 or self.diversity < 0:
                raise TrainingError("temperature must be positive, and diversity positive or 0")

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        if config.layers < 2:
            raise TrainingError("codes needs a model with at least two blocks")
        width = config.width // config.merge
        self.quantiser = Quantiser(width, options.codes)
        self.context = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width))
        self.head = nn.Linear(width, options.codes)
        self.context.apply(initialise)
        initialise(self.head)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        inputs = super().prepare(batch, rng)
        rows_N = inputs["predicted"] // batch.tokens_BT.shape[1]
        return inputs | {"others": draw_others(rows_N, self.options.others, rng)}

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        outputs: list[Tensor] = []
        features_BTD = token_features(
            encoder,
            inputs["tokens"],
            inputs["positions"],
            padded=inputs["padded"],
            outputs=outputs,
        )
        middle_BTD = outputs[len(outputs) // 2 - 1][:, -features_BTD.shape[1] :]
        middle_ND, last_ND = (
            kmer_features(x_BTD, encoder.config)[inputs["predicted"]]
            for x_BTD in (middle_BTD, features_BTD)
        )
        originals_ND = encoder.tokens(inputs["classes"] + SPECIAL_TOKENS)
        codes_N, quantised_ND, unequal = self.quantiser(originals_ND)
        contrast = self._contrast(self.context(middle_ND), codes_N, quantised_ND, inputs["others"])
        predicted = token_losses(self.head(last_ND), codes_N)
        loss = contrast["loss"] + predicted["loss"] + self.options.diversity * unequal
        return {
            "loss": loss,
            "accuracy": predicted["accuracy"],
            "code_loss": predicted["loss"],
            "contrast_loss": contrast["loss"],
            "contrast_accuracy": contrast["accuracy"],
            "diversity_loss": unequal,
        }

    def _contrast(
        self, context_ND: Tensor, codes_N: Tensor, quantised_ND: Tensor, others_NM: Tensor
    ) -> dict[str, Tensor]:
        """Return the loss of finding each code among those of the other hidden k-mers."""
        with torch.autocast(context_ND.device.type, enabled=False):
            unit_ND = F.normalize(quantised_ND.float(), dim=-1)
            context_ND = F.normalize(context_ND.float(), dim=-1)
            own_N1 = (context_ND * unit_ND).sum(-1, keepdim=True)
            others_NM1 = unit_ND[others_NM] @ context_ND[..., None]
        # Others with the same code are not wrong.
        same_NM = codes_N[others_NM] == codes_N[:, None]
        others_NM = others_NM1.squeeze(-1).masked_fill(same_NM, -math.inf)
        logits_NM = torch.cat((own_N1, others_NM), dim=1) / self.options.temperature
        return token_losses(logits_NM, torch.zeros_like(codes_N))


class Quantiser(nn.Module):
    """Replaces vectors by codes of a learned codebook."""

    def __init__(self, width: int, codes: int) -> None:
        super().__init__()
        self.scores = nn.Linear(width, codes)
        self.codebook = nn.Parameter(torch.randn(codes, width) / width**0.5)
        nn.init.normal_(self.scores.weight, std=width**-0.5)
        nn.init.zeros_(self.scores.bias)

    def forward(self, vectors_ND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the number of the code of each vector, int64 (N,), the codes (N, D), and a loss.

        The loss is 0 if all codes are used equally, and almost 1 if only one is used.
        """
        scores_NC = self.scores(vectors_ND).float().softmax(-1)
        codes_N = scores_NC.argmax(-1)
        hard_NC = torch.zeros_like(scores_NC).scatter(1, codes_N[:, None], 1.0)
        # The values of the one code, with the gradient of the softmax.
        chosen_NC = hard_NC + scores_NC - scores_NC.detach()
        usage_C = scores_NC.sum(0) / max(len(scores_NC), 1)
        perplexity = torch.exp(-(usage_C * (usage_C + 1e-9).log()).sum())
        unequal = 1 - perplexity / len(usage_C) if len(scores_NC) else scores_NC.sum()
        return codes_N, chosen_NC @ self.codebook, unequal


def draw_others(rows_N: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``count`` other hidden k-mers of the same barcode for each one, int64 (N, count).

    ``rows_N`` is the barcode of each, in order. The only one of a barcode gets itself.
    """
    first_N = np.searchsorted(rows_N, rows_N)
    size_N = np.searchsorted(rows_N, rows_N, side="right") - first_N
    steps_NM = rng.integers(1, np.maximum(size_N, 2)[:, None], (len(rows_N), count))
    own_N = np.arange(len(rows_N)) - first_N
    return first_N[:, None] + (own_N[:, None] + steps_NM) % size_N[:, None]
