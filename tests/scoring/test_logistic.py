"""The logistic fit against an independent optimiser, and its gradient against differences."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.optimize import check_grad

from barcodeembed.calibration.fit import ERROR_FRACTIONS, Calibration, RankModel
from barcodeembed.index.validation import check_calibration
from barcodeembed.scoring.features import CONTEXT, FEATURES
from barcodeembed.scoring.logistic import (
    _MAX_NOISE,
    _RIDGE,
    ByLength,
    Logistic,
    _context,
    _Loss,
    fit_by_length,
    fit_logistic,
)

NO_REPORT = {
    "calibration_error": 0.0,
    "coverage": {"0.95": None},
    "confidence_threshold": dict.fromkeys(map(str, ERROR_FRACTIONS)),
}
SUPPORTS = torch.tensor(list(FEATURES.values())[:-CONTEXT])


def examples(seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, truth and weights; the last features are error rate and log length."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, len(FEATURES)))
    features[:, -2] = rng.choice([0.0, 0.005, 0.02, 0.05], count)
    features[:, -1] = np.log(rng.choice([0.2, 0.4, 0.7, 1.0], count))
    true = (
        features[:, :-CONTEXT] @ rng.normal(size=len(FEATURES) - CONTEXT) + rng.logistic(size=count)
        > 0
    )
    return features, true, rng.uniform(0.5, 2.0, count)


def loss_of(features: np.ndarray, true: np.ndarray, weights: np.ndarray, noisy: bool) -> _Loss:
    x = (features[:, :-CONTEXT] - features[:, :-CONTEXT].mean(0)) / features[:, :-CONTEXT].std(0)
    varies = np.ones(x.shape[1], bool)
    w = weights / weights.sum()
    return _Loss(x, varies, SUPPORTS.numpy(), _context(features), true.astype(float), w, noisy)


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_equals_finite_differences(seed, noisy):
    loss = loss_of(*examples(seed), noisy)
    at = 0.5 * np.random.default_rng(seed).normal(size=loss.size)
    assert check_grad(lambda p: loss(p)[0], lambda p: loss(p)[1], at) < 1e-5


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_fit_equals_a_fit_by_torch(seed, noisy):
    features, true, weights = examples(seed)
    found = fit_logistic(features, true, weights, noisy=noisy)
    other = fit_by_torch(features, true, weights, noisy)
    assert np.abs(found.probability(features) - other).max() < 2e-3


def surface(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, truth and its probability, in which two features act only together."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(count, len(FEATURES)))
    features[:, -CONTEXT:] = 0.0  # no errors, median length
    probability = 1 / (1 + np.exp(-(features[:, 0] + 1.5 * features[:, 3] * features[:, 4])))
    return features, rng.random(count) < probability, probability


@pytest.fixture(scope="module")
def with_products() -> Logistic:
    features, true, _ = surface(8_000)
    return fit_logistic(features, true, np.ones(len(true)), products=True)


def as_calibration(model: Logistic) -> Calibration:
    models = ByLength(model, model), ByLength(model, model)
    rank = RankModel(*models, "hidden references", "hidden references", NO_REPORT)
    return Calibration({"species": rank}, 658.0, 658.0)


def test_products_are_learned_from_many_examples(with_products):
    features, true, probability = surface(8_000)
    assert np.abs(with_products.probability(features) - probability).mean() < 0.03
    few = slice(0, 900)
    plain = fit_logistic(features[few], true[few], np.ones(900), products=True)
    assert not plain.products
    assert np.abs(plain.probability(features) - probability).mean() > 0.1


def test_products_end_beyond_the_examples(with_products):
    """Far from all examples the square of a feature does not outweigh its own weight."""
    far = np.zeros((3, len(FEATURES)))
    far[:, 0] = 3.5, 100.0, 1e6
    known = with_products.probability(far)
    assert known[0] <= known[1] <= known[2] and known[2] > 0.999


def test_only_fragments_have_products():
    features, true, _ = surface(8_000)
    features[::2, -1] = np.log(0.5)
    found = fit_by_length(features, true, np.ones(len(true)))
    assert found.fragments.products and not found.whole.products


def test_a_fit_with_products_survives_json(with_products):
    calibration = as_calibration(with_products)
    kept = json.loads(json.dumps(calibration.to_json()))
    assert Calibration.from_json(kept, ["species"]) == calibration


def test_the_fit_does_not_depend_on_the_number_of_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    features, true, weights = examples(0, 5_000)
    fits = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            fits.append(fit_logistic(features, true, weights, noisy=True))
    assert fits[0] == fits[1]


def fit_by_torch(features, true, weights, noisy) -> np.ndarray:
    """Return the probabilities (E,) of a fit by automatic derivatives and torch's L-BFGS."""
    middle, scale = features[:, :-CONTEXT].mean(0), features[:, :-CONTEXT].std(0)
    x = torch.from_numpy((features[:, :-CONTEXT] - middle) / scale)
    context = torch.from_numpy(_context(features))
    y, w = torch.from_numpy(true.astype(float)), torch.from_numpy(weights / weights.sum())
    free, growth, shift, bias, doubt = parameters = [
        torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        for shape in (x.shape[1], context.shape[1], context.shape[1], (), ())
    ]
    optimizer = torch.optim.LBFGS(parameters, max_iter=2_000, line_search_fn="strong_wolfe")

    def probability() -> torch.Tensor:
        slopes = torch.where(SUPPORTS, torch.nn.functional.softplus(free), free)
        return torch.sigmoid(x @ slopes * torch.exp(context @ growth) + context @ shift + bias)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        p = probability() * ((1 - _MAX_NOISE * torch.sigmoid(doubt)) if noisy else 1)
        likelihood = y * p.log() + (1 - y) * (1 - p).log()
        cost = _RIDGE * ((free**2).mean() + (growth**2).mean()) - (w * likelihood).sum()
        cost.backward()
        return cost

    optimizer.step(loss)
    return probability().detach().numpy()


def test_whole_barcodes_and_fragments_have_models_of_their_own():
    """Evidence counts for whole barcodes and says nothing for fragments, or there is too little."""
    features, _, weights = examples(0, 2_000)
    fragment = features[:, -1] < 0
    rng = np.random.default_rng(1)
    true = np.where(
        fragment, rng.random(2_000) < 0.3, features[:, 0] + rng.logistic(size=2_000) > 0
    )
    found = fit_by_length(features, true, weights)
    p = found.probability(features)
    assert np.ptp(p[~fragment]) > 0.5
    assert np.abs(p[fragment] - 0.3).max() < 0.25
    few = np.flatnonzero(~fragment | (np.cumsum(fragment) < 60))
    joint = fit_by_length(features[few], true[few], weights[few])
    assert joint.whole == joint.fragments == fit_logistic(features[few], true[few], weights[few])


@pytest.mark.parametrize(
    ("name", "value"),
    [("products", [0.0]), ("products", [1e12] * 28), ("centres", []), ("spreads", [0.0] * 7)],
)
def test_a_damaged_model_with_products_is_an_error(name, value, with_products):
    kept = json.loads(json.dumps(as_calibration(with_products).to_json()))
    check_calibration(kept, ["species"])
    kept["ranks"]["species"]["correct"]["whole"][name] = value
    with pytest.raises(ValueError, match=name):
        check_calibration(kept, ["species"])
