"""Courses: detect k-mers that were replaced, swapped or inserted.

The three self-supervision courses of MCL (Chen et al., arXiv 2305.03981). Replacement is that of
ELECTRA (see rtd.py). Swapping exchanges k-mers of one barcode at random. Insertion puts k-mers
between others, which the generator samples without seeing what they push aside. Each course reads
every barcode once, and has its own head. The encoder never reads a mask.

An insertion moves the k-mers after it to later positions, and those that move past the end of the
barcode are cut off, so that all courses read equally many tokens at the same positions.

With ``corrects=yes`` replacement has a second pass (self-correction): the k-mers that the encoder
judged worst in the first are masked. The generator proposes again, and the encoder judges again.
Shapes: B sequences, T tokens, D width, I inserted tokens, P chosen tokens, N tokens to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from barcodeembed.corpus.batches import Batch
from barcodeembed.corpus.corpus import Corpus
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import MASK, PAD, SPECIAL_TOKENS
from barcodeembed.objectives.base import Inputs, token_features
from barcodeembed.objectives.rtd import ReplacedTokenDetection, sample
from barcodeembed.objectives.substitution import detect, detection_head, kmer_indices

#: The courses in addition to replacement.
COURSES = ("swapped", "inserted")


class Courses(ReplacedTokenDetection):
    """Multi-perspective courses (MCL): detect replaced, swapped and inserted k-mers."""

    @dataclass(frozen=True, slots=True)
    class Options(ReplacedTokenDetection.Options):
        """Settings. ``corrects`` adds a second pass on the encoder's own errors."""

        corrects: bool = False

    def __init__(self, config: ModelConfig, options: Options, corpus: Corpus) -> None:
        super().__init__(config, options, corpus)
        self.heads = nn.ModuleDict({course: detection_head(config) for course in COURSES})

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Inputs:
        inputs, tokens_BT = super().prepare(batch, rng), batch.tokens_BT
        swapped_BT = swap(tokens_BT, self.options.choose(tokens_BT, rng), rng)
        inserted_BT = insert_masks(tokens_BT, self.options.choose(tokens_BT, rng))
        judged_N = kmer_indices(tokens_BT)
        inserted_I = np.flatnonzero(inserted_BT == MASK)
        remaining_N = np.flatnonzero((inserted_BT == MASK) | (inserted_BT >= SPECIAL_TOKENS))
        if self.options.corrects:
            inputs["uniform_again"] = rng.random(len(inputs["masked"]), np.float32)
        return inputs | {
            "swapped": swapped_BT,
            "swapped_judged": judged_N,
            "swapped_altered": (swapped_BT != tokens_BT).reshape(-1)[judged_N],
            "inserted": inserted_BT,
            "inserted_at": inserted_I,
            "inserted_uniform": rng.random(len(inserted_I), np.float32),
            "inserted_judged": remaining_N,
            "inserted_altered": np.isin(remaining_N, inserted_I, assume_unique=True),
        }

    def forward(self, encoder: Encoder, inputs: Inputs) -> dict[str, Tensor]:
        metrics, losses_N = self.compete(encoder, inputs)
        shown = {"swapped": inputs["swapped"], "inserted": self._inserted(encoder, inputs)}
        loss = metrics["loss"]
        if self.options.corrects:
            again, _ = self.compete(encoder, correction(inputs, losses_N))
            loss = loss + again["loss"]
            metrics |= {f"again_{name}": value for name, value in again.items()}
        for course, tokens_BT in shown.items():
            found = self._judge(course, encoder, tokens_BT, inputs)
            loss = loss + self.options.detection_weight * found["loss"]
            metrics |= {f"{course}_{name}": value for name, value in found.items()}
        return metrics | {"loss": loss}

    def _judge(
        self, course: str, encoder: Encoder, tokens_BT: Tensor, inputs: Inputs
    ) -> dict[str, Tensor]:
        """Return the losses of detecting the tokens that a course altered."""
        features_BTD = token_features(
            encoder, tokens_BT, inputs["positions"], padded=inputs["padded"]
        )
        judged_N, altered_N = inputs[f"{course}_judged"], inputs[f"{course}_altered"]
        head = self.heads[course]
        assert isinstance(head, nn.Linear)
        return detect(head, features_BTD, judged_N, altered_N)

    @torch.no_grad()
    def _inserted(self, encoder: Encoder, inputs: Inputs) -> Tensor:
        """Return the tokens (B, T) with a k-mer from the generator at each insertion.

        There is no correct k-mer to insert, so the generator learns nothing from it.
        """
        masked_BT, inserted_I = inputs["inserted"], inputs["inserted_at"]
        logits_IV = self.generator(
            encoder.tokens.weight.detach(),  # torch 2.4 counts no operations of a parameter here
            masked_BT,
            inputs["positions"],
            inserted_I,
            padded=inputs["padded"],
        )
        kmers_I = sample(logits_IV, inputs["inserted_uniform"]) + SPECIAL_TOKENS
        return masked_BT.flatten().scatter(0, inserted_I, kmers_I).view_as(masked_BT)


def correction(inputs: Inputs, losses_N: Tensor) -> Inputs:
    """Return the inputs of a second pass, in which the k-mers with the highest losses are masked.

    As many are masked as in the first pass.
    """
    tokens_BT = inputs["tokens"]
    masked_P = inputs["judged"][losses_N.topk(len(inputs["masked"])).indices]
    hidden_BT = tokens_BT.flatten().index_fill(0, masked_P, MASK).view_as(tokens_BT)
    return inputs | {
        "generator_tokens": hidden_BT,
        "masked": masked_P,
        "classes": tokens_BT.flatten()[masked_P] - SPECIAL_TOKENS,
        "uniform": inputs["uniform_again"],
    }


def swap(tokens_BT: np.ndarray, chosen_BT: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the tokens with the chosen ones of each sequence exchanged among each other.

    They move around a random cycle, so that each has another position than before.
    """
    swapped_BT = tokens_BT.copy()
    # A random order within each row. The chosen tokens of a row are next to each other in it.
    rows_P, columns_P = np.nonzero(chosen_BT)
    order_P = np.lexsort((rng.random(len(rows_P)), rows_P))
    rows_P, columns_P = rows_P[order_P], columns_P[order_P]
    first_P = np.searchsorted(rows_P, rows_P)
    last_P = np.searchsorted(rows_P, rows_P, side="right") - 1
    numbers_P = np.arange(len(rows_P))
    next_P = np.where(numbers_P == last_P, first_P, numbers_P + 1)
    swapped_BT[rows_P, columns_P] = tokens_BT[rows_P, columns_P[next_P]]
    return swapped_BT


def insert_masks(tokens_BT: np.ndarray, chosen_BT: np.ndarray) -> np.ndarray:
    """Return the tokens with [MASK] before each chosen one, each sequence as long as before."""
    real_BT = tokens_BT != PAD
    rows, columns = np.nonzero(real_BT)
    target = columns + chosen_BT.cumsum(1)[rows, columns]
    inside = target < real_BT.sum(1)[rows]
    inserted_BT = np.where(real_BT, MASK, PAD)
    inserted_BT[rows[inside], target[inside]] = tokens_BT[rows[inside], columns[inside]]
    return inserted_BT
