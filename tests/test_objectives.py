"""What each objective may see, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from barcodeembed.errors import TrainingError
from barcodeembed.model.config import PRESETS
from barcodeembed.model.encoder import Encoder
from barcodeembed.objectives import OBJECTIVES, objective_class, resolve_options
from barcodeembed.objectives.base import Objective
from barcodeembed.tokenizer import MASK, PAD, UNKNOWN

TINY = PRESETS["tiny"].model


def make(name: str, **options) -> Objective:
    torch.manual_seed(0)
    kind = objective_class(name)
    return kind(Encoder(TINY), kind.Options(**resolve_options(name, {}, options)))


def batch(seed: int = 0, rows: int = 6, width: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    tokens = rng.integers(4, 260, (rows, width))
    tokens[rng.random(tokens.shape) < 0.05] = UNKNOWN
    for row, length in zip(tokens, rng.integers(width // 2, width + 1, rows), strict=True):
        row[length:] = PAD
    return tokens


def to_torch(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def seen_by_encoder(objective: Objective, inputs) -> list[torch.Tensor]:
    """Return the token ids that entered the encoder's embedding table."""
    seen = []
    hook = objective.encoder.tokens.register_forward_hook(lambda m, args, out: seen.append(args[0]))
    objective(inputs)
    hook.remove()
    return seen


def test_maelm_shows_the_encoder_the_visible_tokens_and_no_mask():
    objective, tokens = make("maelm"), batch()
    inputs = to_torch(objective.prepare(tokens, np.random.default_rng(0)))
    (seen,) = seen_by_encoder(objective, inputs)
    lengths = (tokens != PAD).sum(1)
    assert not (seen == MASK).any()
    assert seen.shape[1] == (lengths - np.rint(lengths * 0.5)).max() < tokens.shape[1]
    for row, places, whole in zip(seen, inputs["places"], tokens, strict=True):
        real = row != PAD
        assert row[real].tolist() == whole[places[real]].tolist()


def test_maelm_hides_its_targets_from_everything():
    """Changing a hidden k-mer changes no logit: neither encoder nor decoder can have seen it."""
    objective, tokens = make("maelm").eval(), batch()
    inputs = objective.prepare(tokens, np.random.default_rng(0))
    changed = tokens.copy().reshape(-1)
    changed[inputs["predicted"]] = 4 + (changed[inputs["predicted"]] - 3) % 256
    other = objective.prepare(changed.reshape(tokens.shape), np.random.default_rng(0))
    logits = []
    objective.head.register_forward_hook(lambda module, args, out: logits.append(out))
    for arrays in (inputs, other):
        objective(to_torch(arrays))
    assert (inputs["classes"] != other["classes"]).all()
    assert torch.equal(*logits)


def test_maelm_decoder_puts_every_visible_feature_at_its_own_place():
    objective, tokens = make("maelm"), batch()
    inputs = to_torch(objective.prepare(tokens, np.random.default_rng(0)))
    entered = []
    objective.decoder.stack.register_forward_hook(lambda m, args, out: entered.append(args[0]))
    projected = []
    objective.decoder.project.register_forward_hook(lambda m, args, out: projected.append(out))
    objective(inputs)
    for row in range(len(tokens)):
        visible = (inputs["visible"][row] != PAD).sum()
        places = inputs["places"][row, :visible]
        assert torch.equal(entered[0][row, places], projected[0][row, :visible])
        hidden = np.setdiff1d(np.arange(tokens.shape[1]), places.numpy())
        assert (entered[0][row, hidden] == objective.decoder.mask).all()


def test_mlm_shows_masks_in_full_length():
    objective, tokens = make("mlm"), batch()
    inputs = to_torch(objective.prepare(tokens, np.random.default_rng(0)))
    (seen,) = seen_by_encoder(objective, inputs)
    assert seen.shape == tokens.shape
    hidden = (seen == MASK).sum(1).numpy()
    np.testing.assert_array_equal(hidden, np.rint((tokens != PAD).sum(1) * 0.5))


def test_clm_sees_nothing_that_comes_later():
    objective, tokens = make("clm").eval(), batch()
    features, _ = objective.encoder(torch.from_numpy(tokens), causal=True)
    later = tokens.copy()
    later[:, 15:] = np.where(later[:, 15:] == PAD, PAD, 9)
    changed, _ = objective.encoder(torch.from_numpy(later), causal=True)
    torch.testing.assert_close(changed[:, :15], features[:, :15])
    assert not torch.allclose(changed[:, 15], features[:, 15])


def test_clm_predicts_the_next_token_at_every_place():
    objective = make("clm")
    inputs = objective.prepare(np.array([[10, 11, UNKNOWN, 12, PAD]]), np.random.default_rng(0))
    assert inputs["predicted"].tolist() == [0, 2]
    assert (inputs["classes"] + 4).tolist() == [11, 12]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_padding_the_batch_changes_no_loss(name):
    objective, tokens = make(name).eval(), batch(rows=1, width=30)
    padded = np.pad(tokens, ((0, 0), (0, 11)), constant_values=PAD)
    rng = np.random.default_rng(0)
    inputs = objective.prepare(tokens, rng)
    hidden = inputs["predicted"]
    # The same places must be hidden in both, whatever the shape that the draw was made in.
    wider = dict(inputs)
    for key in ("tokens", "real"):
        if key in inputs:
            wider[key] = np.pad(inputs[key], ((0, 0), (0, 11)), constant_values=PAD)
    if "places" in inputs:
        end = tokens.shape[1]
        wider["places"] = np.where(inputs["places"] == end, padded.shape[1], inputs["places"])
    assert (hidden < tokens.shape[1]).all()
    loss, wide = (objective(to_torch(arrays))["loss"] for arrays in (inputs, wider))
    torch.testing.assert_close(loss, wide, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_learns_a_repeated_batch(name):
    objective, tokens = make(name).train(), batch(rows=4, width=16)
    optimizer = torch.optim.AdamW(objective.parameters(), lr=3e-3)
    losses = []
    for step in range(60):
        inputs = to_torch(objective.prepare(tokens, np.random.default_rng(step % 2)))
        loss = objective(inputs)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert abs(losses[0] - np.log(256)) < 0.5  # as good as guessing, at first
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_nothing_to_predict_is_no_loss_and_no_gradient(name):
    objective = make(name)
    unknown = np.full((2, 8), UNKNOWN)
    result = objective(to_torch(objective.prepare(unknown, np.random.default_rng(0))))
    assert result["loss"].item() == 0
    result["loss"].backward()
    assert all(p.grad is None or not p.grad.any() for p in objective.parameters())


def test_settings_that_do_not_apply_are_refused():
    with pytest.raises(TrainingError, match="mlm has no setting decoder_layers"):
        resolve_options("mlm", {}, {"decoder_layers": 2})
    assert resolve_options("mlm", {"decoder_layers": 2}, {}) == {"mask_ratio": 0.5}
    with pytest.raises(TrainingError, match="no objective 'x'"):
        objective_class("x")
