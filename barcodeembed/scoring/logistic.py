"""A logistic model of features: monotone where that is known, tolerant of wrong names, by length.

Shapes: E examples, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from barcodeembed.scoring.features import FEATURES

#: Parts of the usual length at which it is learnt what the evidence of short queries weighs.
_SHORT = (0.5, 0.25)

#: More wrong names than this no reference is thought to bear: then the evidence is at fault.
_MAX_NOISE = 0.02

_RIDGE = 1e-3
_STEPS = 200
_DECIMALS = 5


@dataclass(frozen=True, slots=True)
class Logistic:
    """``P = 1 / (1 + exp(-z))`` with ``z = (weights @ evidence - middle) * exp(growth @ short) +
    shift @ short + bias``.

    ``weights`` are those of all features but the last, length, which gives ``short``
    (`_shortness`). ``noise`` was fitted beside them.
    """

    weights: tuple[float, ...]
    bias: float
    middle: float = 0.0
    growth: tuple[float, ...] = (0.0,) * len(_SHORT)
    shift: tuple[float, ...] = (0.0,) * len(_SHORT)
    noise: float = 0.0

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities (...) of evidence (..., F)."""
        short = _shortness(features)
        spoken = features[..., :-1] @ np.array(self.weights) - self.middle
        logits = spoken * np.exp(short @ np.array(self.growth)) + short @ np.array(self.shift)
        return 1 / (1 + np.exp(-np.clip(logits + self.bias, -500, 500)))


def fit_logistic(
    features: np.ndarray, true: np.ndarray, weights: np.ndarray, *, noisy: bool = False
) -> Logistic:
    """Fit a logistic model by its weighted likelihood, with a small ridge (L-BFGS, torch).

    ``features`` (E, F), ``true`` bool (E,), ``weights`` (E,). Features that can only speak for a
    name get no negative weight. ``noisy``: what is true may be told as false, at a rate that is
    fitted. Rounded, so that a bundle does not depend on how sums were split among threads.
    """
    import torch
    from torch.nn.functional import softplus

    spoken = features[:, :-1]
    middle, spread = spoken.mean(0), spoken.std(0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    varies = torch.from_numpy((spread > 1e-9).astype(float))
    x, short = torch.from_numpy((spoken - middle) / scale), torch.from_numpy(_shortness(features))
    y, w = torch.from_numpy(true.astype(float)), torch.from_numpy(weights / weights.sum())
    speaks_for = torch.tensor(list(FEATURES.values())[:-1])
    free, growth, shift, bias, doubt = (
        torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        for shape in (x.shape[1], len(_SHORT), len(_SHORT), (), ())
    )
    optimizer = torch.optim.LBFGS(
        [free, growth, shift, bias, *([doubt] if noisy else [])],
        max_iter=_STEPS,
        line_search_fn="strong_wolfe",
    )

    def slopes() -> torch.Tensor:
        return torch.where(speaks_for, softplus(free), free) * varies

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        p = torch.sigmoid(x @ slopes() * torch.exp(short @ growth) + short @ shift + bias)
        if noisy:
            p = p * (1 - _MAX_NOISE * torch.sigmoid(doubt))
        p = p.clamp(1e-9, 1 - 1e-9)
        cost = -(w * (y * p.log() + (1 - y) * (1 - p).log())).sum()
        cost = cost + _RIDGE * ((free**2).mean() + (growth**2).mean())
        cost.backward()
        return cost

    optimizer.step(loss)
    found = slopes().detach().numpy() / scale

    def rounded(values: np.ndarray) -> tuple[float, ...]:
        return tuple(np.round(values, _DECIMALS).tolist())

    noise = _MAX_NOISE * torch.sigmoid(doubt).item() if noisy else 0.0
    return Logistic(
        rounded(found),
        round(bias.item(), _DECIMALS),
        round(float(found @ middle), _DECIMALS),
        rounded(growth.detach().numpy()),
        rounded(shift.detach().numpy()),
        round(noise, _DECIMALS),
    )


def _shortness(features: np.ndarray) -> np.ndarray:
    """Return how much of each length of `_SHORT` a query has, (..., 2), from evidence (..., F).

    Nothing at the usual length; in between it is shared by the logarithm, below the last that has
    all.
    """
    points = -np.log([1.0, *_SHORT])
    return np.stack(
        [np.interp(-features[..., -1], points, part) for part in np.eye(len(points))[1:]], -1
    )
