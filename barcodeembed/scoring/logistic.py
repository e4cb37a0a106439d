"""A logistic model of features that allows for short queries, errors and wrong reference names.

Shapes: E examples, F features, of which G are not of the context, P products of two of these,
S steps of the context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barcodeembed.scoring.candidates import WHOLE
from barcodeembed.scoring.features import CONTEXT, FEATURES

#: Fractions of the median length at which the effect of a short query is fitted.
_SHORT = (0.5, 0.25)

#: Error rates at which the effect of errors is fitted: a name is worth less at 3 % than a straight
#: line from 1 to 5 % would say.
_ERRORS = (0.01, 0.03, 0.05)

_STEPS = len(_ERRORS) + len(_SHORT)

#: Maximum fraction of wrong names in a reference that a fit may assume.
_MAX_NOISE = 0.02

#: Minimum number of examples of each kind, to fit fragments apart.
_MIN = 50

#: Minimum number of examples of each kind, to fit products of features. Fewer would not determine
#: so many weights: several examples are fragments of one barcode.
_MIN_FOR_PRODUCTS = 1_500

#: Products are of standardised features, which end here: beyond the examples a square would soon
#: outweigh all else.
_FARTHEST = 3.0

_RIDGE = 1e-3
_DECIMALS = 5

#: The fit ends at a gradient below this, so that the decimals kept are those of the optimum.
_GRADIENT = 1e-7


@dataclass(frozen=True, slots=True)
class Logistic:
    """``P = 1 / (1 + exp(-z))`` with ``z = (weights @ features + products @ pairs - middle) *
    exp(growth @ context) + shift @ context + bias``.

    ``weights`` (G,) are for all features except the last ones, error rate and length, from which
    the ``context`` is computed (`_context`). ``products`` (P,) are for the ``pairs``, products of
    two features after ``centres`` (G,) were subtracted and they were divided by ``spreads`` (G,);
    from few examples there are none. ``noise`` is the fitted fraction of wrong names.
    """

    weights: tuple[float, ...]
    bias: float
    middle: float = 0.0
    growth: tuple[float, ...] = (0.0,) * _STEPS
    shift: tuple[float, ...] = (0.0,) * _STEPS
    noise: float = 0.0
    products: tuple[float, ...] = ()
    centres: tuple[float, ...] = ()
    spreads: tuple[float, ...] = ()

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities (...) for features (..., F)."""
        context = _context(features)
        score = features[..., :-CONTEXT] @ np.array(self.weights) - self.middle
        if self.products:
            pairs = _pairs(features[..., :-CONTEXT], self.centres, self.spreads)
            score = score + pairs @ np.array(self.products)
        logits = score * np.exp(context @ np.array(self.growth)) + context @ np.array(self.shift)
        return _sigmoid(logits + self.bias)


def fit_logistic(
    features: np.ndarray,
    true: np.ndarray,
    weights: np.ndarray,
    *,
    noisy: bool = False,
    products: bool = False,
) -> Logistic:
    """Fit a logistic model by weighted maximum likelihood with a small ridge (BFGS).

    ``features`` (E, F), ``true`` bool (E,), ``weights`` (E,). A feature that can only support a
    name gets no negative weight, apart from its ``products``, which are fitted if there are enough
    examples. With ``noisy``, a fraction of the true examples may be labelled false; the fraction is
    fitted (at most `_MAX_NOISE`). The results are rounded, so that a bundle does not depend on the
    last bits of a sum.
    """
    from scipy.optimize import minimize

    x = features[:, :-CONTEXT]
    centres, spreads, _ = _standard(x)
    G = x.shape[1]
    if products and min(true.sum(), (~true).sum()) >= _MIN_FOR_PRODUCTS:
        x = np.concatenate([x, _pairs(x, centres, spreads)], 1)
    middle, scale, varies = _standard(x)
    loss = _Loss(
        (x - middle) / scale,
        varies,
        np.concatenate([_SUPPORTS, np.zeros(x.shape[1] - G, bool)]),
        _context(features),
        true.astype(float),
        weights / weights.sum(),
        noisy,
    )
    start = np.zeros(loss.size)
    # Not L-BFGS-B: it calls threaded BLAS on a dozen numbers, which takes longer than the fit.
    fitted = minimize(loss, start, jac=True, method="BFGS", options={"gtol": _GRADIENT}).x
    free, growth, shift, bias, doubt = loss.split(fitted)
    slopes = loss.slopes(free) / scale

    def rounded(values: np.ndarray) -> tuple[float, ...]:
        return tuple(np.round(values, _DECIMALS).tolist())

    with_products = x.shape[1] > G
    return Logistic(
        rounded(slopes[:G]),
        round(float(bias), _DECIMALS),
        round(float(slopes @ middle), _DECIMALS),
        rounded(growth),
        rounded(shift),
        round(_MAX_NOISE * float(_sigmoid(doubt)), _DECIMALS) if noisy else 0.0,
        rounded(slopes[G:]),
        rounded(centres) if with_products else (),
        rounded(spreads) if with_products else (),
    )


@dataclass(frozen=True, slots=True)
class ByLength:
    """Two logistic models: of whole barcodes, and of fragments, whose neighbours vote otherwise."""

    whole: Logistic
    fragments: Logistic

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities (E,) for features (E, F)."""
        return np.where(
            is_fragment(features),
            self.fragments.probability(features),
            self.whole.probability(features),
        )


def fit_by_length(
    features: np.ndarray, true: np.ndarray, weights: np.ndarray, *, noisy: bool = False
) -> ByLength:
    """Fit `fit_logistic` to whole barcodes and to fragments; together if one has few examples.

    Only the model of fragments has products. Those of whole barcodes improve nothing.
    """
    parts = (~is_fragment(features), is_fragment(features))
    if min(int((part & (true == kind)).sum()) for part in parts for kind in (True, False)) < _MIN:
        fitted = fit_logistic(features, true, weights, noisy=noisy)
        return ByLength(fitted, fitted)
    return ByLength(
        *(
            fit_logistic(features[p], true[p], weights[p], noisy=noisy, products=products)
            for p, products in zip(parts, (False, True), strict=True)
        )
    )


def is_fragment(features: np.ndarray) -> np.ndarray:
    """Return which queries are fragments, bool (E,), from their features (E, F)."""
    return features[:, -1] < np.log(WHOLE)


@dataclass(frozen=True, slots=True)
class _Loss:
    """The penalised negative log-likelihood and its gradient, as a function of all parameters.

    ``x`` (E, X) are standardised features and products, of which some ``varies``, and some can only
    be ``supports`` of a name; ``context`` (E, S), ``true`` (E,) 0 or 1, ``weights`` (E,) with sum
    1. Sums are by einsum, not by BLAS, so that they do not
    depend on the number of threads.
    """

    x: np.ndarray
    varies: np.ndarray
    supports: np.ndarray
    context: np.ndarray
    true: np.ndarray
    weights: np.ndarray
    noisy: bool

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.x.shape[1] + 2 * self.context.shape[1] + 1 + self.noisy

    def split(
        self, parameters: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return free (X,), growth (S,), shift (S,), bias () and doubt () of a vector."""
        f, s = self.x.shape[1], self.context.shape[1]
        free, growth, shift, rest = np.split(parameters, [f, f + s, f + 2 * s])
        return free, growth, shift, rest[0], rest[-1]

    def slopes(self, free: np.ndarray) -> np.ndarray:
        """Return the weights of standardised features; a softplus keeps some at 0 or more."""
        return np.where(self.supports, np.logaddexp(0.0, free), free) * self.varies

    def __call__(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        free, growth, shift, bias, doubt = self.split(parameters)
        score = np.einsum("ef,f->e", self.x, self.slopes(free))
        factor = np.exp(np.einsum("es,s->e", self.context, growth))
        sure = _sigmoid(score * factor + np.einsum("es,s->e", self.context, shift) + bias)
        labelled = 1 - _MAX_NOISE * _sigmoid(doubt) if self.noisy else 1.0
        p = np.clip(sure * labelled, 1e-9, 1 - 1e-9)
        likelihood = self.true * np.log(p) + (1 - self.true) * np.log1p(-p)
        ridge = _RIDGE * (np.mean(free**2) + np.mean(growth**2))
        # The chain rule, from the probability back to each parameter.
        to_p = -self.weights * (self.true / p - (1 - self.true) / (1 - p))
        to_p[p != sure * labelled] = 0.0  # clipped
        to_z = to_p * labelled * sure * (1 - sure)
        to_score = to_z * factor
        gradient = [
            np.einsum("ef,e->f", self.x, to_score)
            * self.varies
            * np.where(self.supports, _sigmoid(free), 1.0)
            + 2 * _RIDGE * free / len(free),
            np.einsum("es,e->s", self.context, to_score * score)
            + 2 * _RIDGE * growth / len(growth),
            np.einsum("es,e->s", self.context, to_z),
            to_z.sum(keepdims=True),
        ]
        if self.noisy:
            slope = _MAX_NOISE * _sigmoid(doubt) * _sigmoid(-doubt)
            gradient.append(-np.sum(to_p * sure, keepdims=True) * slope)
        return float(ridge - np.sum(self.weights * likelihood)), np.concatenate(gradient)


#: Which features, of all but the context, can only support a name.
_SUPPORTS = np.array(list(FEATURES.values())[:-CONTEXT])


def _standard(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, standard deviation (1 if it is 0), and whether it is more than 0, each (X,)."""
    spreads = x.std(0)
    varies = spreads > 1e-9
    return x.mean(0), np.where(varies, spreads, 1.0), varies


def _pairs(
    features: np.ndarray,
    centres: Sequence[float] | np.ndarray,
    spreads: Sequence[float] | np.ndarray,
) -> np.ndarray:
    """Return all products of two standardised features, squares included, (..., P)."""
    z = np.clip((features - np.array(centres)) / np.array(spreads), -_FARTHEST, _FARTHEST)
    first, second = np.triu_indices(z.shape[-1])
    return z[..., first] * z[..., second]


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -500, 500)))


def _context(features: np.ndarray) -> np.ndarray:
    """Return how much a query has of each of `_ERRORS` and `_SHORT`, (..., S).

    ``features`` are (..., F). All are zero for a query of the median length without errors. Between
    two error rates it is interpolated, and between two lengths by the logarithm; beyond the last
    one it is one for that one.
    """
    shortness = -np.log([1.0, *_SHORT])
    return np.concatenate(
        [
            _interpolated(features[..., -2], np.array([0.0, *_ERRORS])),
            _interpolated(-features[..., -1], shortness),
        ],
        -1,
    )


def _interpolated(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the linear weights of all points but the first, (..., points - 1), for each value."""
    return np.stack([np.interp(values, points, part) for part in np.eye(len(points))[1:]], -1)
