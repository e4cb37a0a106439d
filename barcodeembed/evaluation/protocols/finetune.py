"""Fine-tuning: the encoder and a linear head are trained together. Imports torch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from barcodeembed.embedding.tokens import pad, tokenize
from barcodeembed.model.devices import autocast, choose_precision
from barcodeembed.model.encoder import Encoder

#: Learning rate and weight decay of BarcodeBERT, which has a width of 768. A narrower encoder needs
#: a higher rate.
_RATE = 1e-4
_WIDTH = 768
_DECAY = 1e-5
_BATCH = 64

#: The head is untrained but the encoder is not, so the rate of the head is this much higher.
_HEAD_RATE = 10

_CLIP = 1.0
_SORTED = 1_024
_BUCKET = 16


class FineTuned(nn.Module):
    """An encoder with a linear layer on its pooled vector.

    The vector is first standardised by the mean and the standard deviation of ``vectors_ND``, which
    the encoder gives before fine-tuning. Most of a vector is the same for all barcodes, and
    without this the layer would need long to learn the differences. Mean and standard deviation are
    fixed, so the head is linear.
    """

    mean_D: torch.Tensor
    scale_D: torch.Tensor

    def __init__(self, encoder: Encoder, vectors_ND: np.ndarray, classes: int, seed: int) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).float()
        self.register_buffer("mean_D", torch.from_numpy(vectors_ND.mean(0)))
        self.register_buffer("scale_D", torch.from_numpy(vectors_ND.std(0).clip(min=1e-6)))
        self.head = nn.Linear(encoder.config.dimension, classes)
        generator = torch.Generator().manual_seed(seed)
        nn.init.normal_(self.head.weight, std=0.02, generator=generator)
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens_BT: torch.Tensor, positions_BT: torch.Tensor) -> torch.Tensor:
        """Return logits (B, classes)."""
        vectors_BD = self.encoder.embed(tokens_BT, positions_BT)
        return self.head((vectors_BD - self.mean_D) / self.scale_D)


def finetune(
    encoder: Encoder,
    barcodes: Sequence[str],
    vectors_ND: np.ndarray,
    labels_N: np.ndarray,
    classes: int,
    *,
    epochs: int,
    device: torch.device | str = "cpu",
    seed: int = 0,
    report: Callable[[int, int, float], None] = lambda epoch, epochs, loss: None,
) -> FineTuned:
    """Train a copy of an encoder, with a linear head, to predict the classes of barcodes.

    ``vectors_ND``, float32, are the vectors that the encoder gives for the barcodes, and
    ``labels_N`` their classes. AdamW has one cycle of warm-up and cosine (OneCycleLR) over all
    epochs. Each barcode is cut into k-mers from a random offset below k, as BarcodeBERT does and as
    in pretraining. The weights of the last epoch are returned, which the code of the papers tests.
    ``report`` is called with (epoch, epochs, mean loss). The given encoder is not changed.
    """
    device = torch.device(device)
    model = FineTuned(encoder, vectors_ND, classes, seed).to(device).train()
    rate = _RATE * _WIDTH / encoder.config.width
    optimizer = torch.optim.AdamW(
        [{"params": model.encoder.parameters()}, {"params": model.head.parameters()}],
        lr=rate,
        weight_decay=_DECAY,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [rate, rate * _HEAD_RATE], total_steps=epochs * -(-len(barcodes) // _BATCH)
    )
    precision = choose_precision("auto", device)
    targets = torch.from_numpy(labels_N)
    torch.manual_seed(seed)  # for dropout
    for epoch in range(epochs):
        total = 0.0
        rng = np.random.default_rng((seed, epoch))
        for rows, tokens, positions in _batches(model, barcodes, rng):
            optimizer.zero_grad(set_to_none=True)
            with autocast(device, precision):
                logits = model(tokens.to(device), positions.to(device))
            loss = F.cross_entropy(logits.float(), targets[rows].to(device))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        report(epoch + 1, epochs, total / len(barcodes))
    return model.eval()


@torch.no_grad()
def predict(model: FineTuned, barcodes: Sequence[str]) -> np.ndarray:
    """Return class numbers, int64 (N,). Barcodes are cut into k-mers from their first base."""
    device = next(model.parameters()).device
    found = np.empty(len(barcodes), np.int64)
    for rows, tokens, positions in _batches(model, barcodes, None):
        found[rows] = model(tokens.to(device), positions.to(device)).argmax(1).cpu().numpy()
    return found


def _batches(
    model: FineTuned, barcodes: Sequence[str], rng: np.random.Generator | None
) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
    """Yield rows, padded tokens and their positions, int64 (B, T); with a generator, shuffled.

    Barcodes of similar length are in the same batch, so that there is less padding.
    """
    encoder = model.encoder
    order = np.arange(len(barcodes)) if rng is None else rng.permutation(len(barcodes))
    lengths = np.array([len(bases) for bases in barcodes])
    batches = []
    for start in range(0, len(order), _SORTED):
        part = order[start : start + _SORTED]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + _BATCH] for i in range(0, len(part), _BATCH)]
    for i in range(len(batches)) if rng is None else rng.permutation(len(batches)):
        rows = batches[i]
        # An anchored encoder reads each barcode at its position in the marker.
        highest = 1 if rng is None or encoder.anchor else encoder.config.k
        offsets = np.zeros(len(rows), int) if rng is None else rng.integers(0, highest, len(rows))
        tokens, positions = tokenize(
            [barcodes[row][offset:] for row, offset in zip(rows, offsets, strict=True)],
            encoder.config,
            encoder.anchor,
        )
        longest = max(map(len, tokens)) // encoder.config.merge
        width = -(-longest // _BUCKET) * _BUCKET  # few shapes, so that kernels are reused
        batch, padded = pad(tokens, positions, (len(rows), width), encoder.config.merge)
        yield rows, torch.from_numpy(batch), torch.from_numpy(padded)
