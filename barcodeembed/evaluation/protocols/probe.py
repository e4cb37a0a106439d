"""A linear probe: multinomial logistic regression on frozen vectors. Imports torch."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

#: Weight decays to choose from with a validation set, and the one that is used without.
DECAYS = (1e-4, 1e-2, 1e-1)
_DECAY = 1e-2

_RATE = 1e-2
_EPOCHS = 100
_PATIENCE = 10
_BATCH = 1_024
_MIN_BATCH = 32
_MIN_STEPS = 20


@dataclass(frozen=True, slots=True)
class Probe:
    """A fitted probe. Validation chose ``decay``, the weight decay, and ``epochs``."""

    mean_D: torch.Tensor
    scale_D: torch.Tensor
    head: nn.Linear
    decay: float
    epochs: int

    @torch.no_grad()
    def predict(self, vectors_ND: np.ndarray) -> np.ndarray:
        """Return class numbers, int64 (N,)."""
        parts = torch.from_numpy(vectors_ND).split(4_096)
        device = self.mean_D.device
        found = [
            self.head((part.to(device) - self.mean_D) / self.scale_D).argmax(1) for part in parts
        ]
        return torch.cat(found).cpu().numpy() if found else np.empty(0, np.int64)


def fit_probe(
    train_ND: np.ndarray,
    labels_N: np.ndarray,
    classes: int,
    *,
    val: tuple[np.ndarray, np.ndarray] | None = None,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> Probe:
    """Fit a linear classifier to vectors, float32 (N, D), and their class numbers, int64 (N,).

    The vectors are standardised in each dimension. AdamW trains on shuffled batches with a cosine
    schedule. With ``val`` (vectors and class numbers), the weight decay and the epoch with the
    highest accuracy there are chosen, and training stops after ten epochs without improvement.
    Without ``val``, one weight decay and all epochs are used.
    """
    vectors = torch.from_numpy(train_ND).to(device)
    mean, scale = vectors.mean(0), vectors.std(0, correction=0).clamp(min=1e-6)
    x, y = (vectors - mean) / scale, torch.from_numpy(labels_N).to(device)
    attempts = []
    for decay in DECAYS if val else (_DECAY,):
        start = Probe(mean, scale, _start(x.shape[1], classes, seed).to(device), decay, 0)
        attempts.append(_attempt(start, x, y, val, seed))
    return max(attempts, key=lambda attempt: attempt[1])[0]


def _attempt(
    start: Probe,
    x: torch.Tensor,
    y: torch.Tensor,
    val: tuple[np.ndarray, np.ndarray] | None,
    seed: int,
) -> tuple[Probe, float]:
    """Train with one weight decay; return the best probe and its accuracy on validation."""
    head = start.head
    batch = min(_BATCH, max(_MIN_BATCH, len(x) // _MIN_STEPS))
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=start.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _EPOCHS * -(-len(x) // batch))
    order = torch.Generator().manual_seed(seed)
    best, highest = start, -1.0
    for epoch in range(1, _EPOCHS + 1):
        for rows in torch.randperm(len(x), generator=order).to(x.device).split(batch):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(head(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
        probe = replace(start, epochs=epoch)
        if val is None:
            best = probe
            continue
        accuracy = float((probe.predict(val[0]) == val[1]).mean())
        if accuracy > highest:
            best, highest = replace(probe, head=copy.deepcopy(head)), accuracy
        elif epoch - best.epochs >= _PATIENCE:
            break
    return best, highest


def _start(width: int, classes: int, seed: int) -> nn.Linear:
    head = nn.Linear(width, classes)
    generator = torch.Generator().manual_seed(seed)
    nn.init.normal_(head.weight, std=0.01, generator=generator)
    nn.init.zeros_(head.bias)
    return head
