"""The encoder: what must not change a vector, and attention compared with a reference."""

from __future__ import annotations

import inspect
import itertools
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from barcodeembed.embedding.embedder import Embedder
from barcodeembed.errors import BundleError
from barcodeembed.model.bundle import ModelBundle, load_model, save_model
from barcodeembed.model.config import PRESETS, ModelConfig
from barcodeembed.model.devices import autocast, for_inference
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.layers import Attention, biased_mask, linear_bias, rotary_angles
from barcodeembed.model.tokenizer import PAD
from barcodeembed.training.recipe import Recipe
from barcodeembed.vectors.normalise import normalise

TINY = PRESETS["tiny"].model
VARIANTS = {
    "rotary": replace(TINY, positions="rotary"),
    "learned": replace(TINY, positions="learned"),
    "alibi": replace(TINY, positions="alibi"),
    "disentangled": replace(TINY, positions="disentangled"),
    "gated": replace(TINY, feed_forward="geglu"),
    "post-norm": replace(TINY, norm="post", positions="learned"),
    "class token": replace(TINY, pooling="class"),
    "by place": replace(TINY, pooling="place", vector_width=24),
    "half causal": replace(TINY, causal_blocks=1),
}


def make(config: ModelConfig) -> Encoder:
    torch.manual_seed(0)
    encoder = Encoder(config).eval()
    for parameter in encoder.parameters():  # far from the small, symmetric initial values
        parameter.data += 0.2 * torch.randn_like(parameter)
    return encoder


def embedder(config: ModelConfig) -> Embedder:
    return Embedder(ModelBundle(make(config), "test", {}), device="cpu")


def barcodes(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), rng.integers(100, 700))) for _ in range(count)]


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_padding_does_not_change_a_vector(config):
    encoder = make(config)
    tokens = torch.randint(4, 260, (3, 25))
    with torch.inference_mode():
        bare = encoder.embed(tokens)
        padded = encoder.embed(torch.nn.functional.pad(tokens, (0, 30), value=PAD))
    torch.testing.assert_close(padded, bare, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_other_barcodes_in_the_batch_do_not_change_a_bit(config):
    sequences = barcodes(12)
    embed = embedder(config).encode
    together = embed(sequences)
    alone = np.concatenate([embed([sequence]) for sequence in sequences])
    backwards = embed(sequences[::-1])[::-1]
    assert together.tobytes() == alone.tobytes() == backwards.tobytes()


@pytest.mark.parametrize("positions", ["learned", "rotary", "alibi", "disentangled"])
def test_a_barcode_as_long_as_the_model_reads_has_a_vector(positions):
    """Batches are padded, but not beyond the last learned position."""
    config = replace(TINY, positions=positions, max_tokens=101)
    longest = "ACGTTGCA" * 52
    whole, shorter = embedder(config).encode([longest[: config.max_bases], longest[:400]])
    tokens = torch.from_numpy(config.tokenizer.encode(longest[: config.max_bases]))[None]
    assert tokens.shape == (1, 101)
    with torch.inference_mode():
        wanted = make(config).embed(tokens)[0].numpy()
    np.testing.assert_allclose(whole, wanted, rtol=1e-4, atol=1e-5)
    assert np.isfinite(shorter).all()


def test_the_number_of_threads_does_not_change_a_vector():
    sequences = barcodes(40)
    embed = embedder(TINY).encode
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = embed(sequences)
        torch.set_num_threads(2)
        np.testing.assert_allclose(embed(sequences), one, rtol=1e-5, atol=1e-6)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 0.05)])
def test_packed_weights_give_the_same_products(precision, tolerance):
    """A processor that does not compute in bf16 emulates it, with weights that are not packed."""
    encoder = make(TINY)
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    tokens = torch.from_numpy(np.random.default_rng(0).integers(3, 4**TINY.k, (7, 40)))
    cpu = torch.device("cpu")
    packed = for_inference(encoder, cpu, precision)
    with torch.inference_mode():
        own = encoder.embed(tokens)
        with autocast(cpu, precision):
            found = packed.embed(tokens)
    native = precision == "fp32" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert native != any(isinstance(part, torch.nn.Linear) for part in packed.modules())
    torch.testing.assert_close(found, own, rtol=tolerance, atol=tolerance)
    after = encoder.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


def test_attention_agrees_with_the_textbook():
    """The reference is the formula, with rotations as complex numbers."""
    torch.manual_seed(1)
    attention = Attention(TINY)
    x = torch.randn(2, 7, TINY.width)
    real = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    positions = torch.tensor([[0, 2, 3, 9, 10, 20, 21]] * 2)
    angles = rotary_angles(positions, TINY.width // TINY.heads)
    got = attention(x, real[:, None, None, :], angles)

    E = TINY.width // TINY.heads
    q, k, v = attention.query_key_value(x).view(2, 7, 3, TINY.heads, E).unbind(2)
    frequency = 10_000.0 ** (-torch.arange(0, E, 2) / E)
    turn = torch.polar(torch.ones(2, 7, 1, E // 2), positions[..., None, None] * frequency)

    def rotated(y):
        y = torch.complex(y[..., : E // 2], y[..., E // 2 :]) * turn
        return torch.cat((y.real, y.imag), -1)

    scores = torch.einsum("bthe,bshe->bhts", rotated(q), rotated(k)) / E**0.5
    weights = scores.masked_fill(~real[:, None, None, :], -torch.inf).softmax(-1)
    wanted = attention.output(torch.einsum("bhts,bshe->bthe", weights, v).flatten(2))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_alibi_subtracts_a_multiple_of_the_distance():
    """The reference is the formula. A causal block attends only to the tokens before."""
    torch.manual_seed(1)
    attention = Attention(TINY)
    x, positions = torch.randn(1, 5, TINY.width), torch.tensor([[0, 2, 3, 9, 10]])
    real = torch.tensor([[True, True, True, True, False]])
    bias = linear_bias(positions, TINY.heads)
    q, k, v = attention.query_key_value(x).view(5, 3, TINY.heads, -1).permute(1, 2, 0, 3)
    distance = (positions[0][:, None] - positions[0]).abs()
    scores = q @ k.mT / q.shape[-1] ** 0.5
    scores = scores - torch.tensor([2**-4, 2**-8])[:, None, None] * distance
    for causal, seen in ((False, real.expand(5, 5)), (True, torch.ones(5, 5).tril().bool())):
        weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        wanted = attention.output((weights @ v).transpose(0, 1).flatten(1))
        got = attention(x, biased_mask(bias, real[:, None, None], causal), None)[0]
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_disentangled_attention_is_that_of_deberta():
    """The reference is the formula, for each pair of tokens."""
    config = replace(TINY, positions="disentangled", max_tokens=6)
    encoder = make(config)
    attention, relative = encoder.stack.blocks[0].attention, encoder.stack.relative
    x, positions = torch.randn(1, 5, TINY.width), torch.tensor([[0, 2, 3, 4, 25]])
    real = torch.tensor([[True, True, True, True, False]])
    distances = relative(positions)
    q, k, v = attention.query_key_value(x)[0].view(5, 3, TINY.heads, -1).unbind(1)
    vectors = relative.norm(relative.vectors.weight)
    rq, rk, _ = attention.query_key_value(vectors).view(12, 3, TINY.heads, -1).unbind(1)
    scores = torch.zeros(TINY.heads, 5, 5)
    for i, j in itertools.product(range(5), repeat=2):
        there, back = (
            min(max(int(one - other), -6), 5) + 6
            for one, other in (
                (positions[0, i], positions[0, j]),
                (positions[0, j], positions[0, i]),
            )
        )
        for head in range(TINY.heads):
            products = q[i, head] @ k[j, head], q[i, head] @ rk[there, head]
            scores[head, i, j] = sum(products) + k[j, head] @ rq[back, head]
    scores = scores / (3 * q.shape[-1]) ** 0.5
    for causal, seen in ((False, real.expand(5, 5)), (True, torch.ones(5, 5).tril().bool())):
        weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        wanted = attention.output(torch.einsum("hts,she->the", weights, v).flatten(1))
        mask = None if causal else real[:, None, None]
        got = attention(x, mask, None, causal, distances)[0]
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_disentangled_features_know_the_absolute_position_only_in_the_last_block():
    encoder = make(replace(TINY, positions="disentangled"))
    tokens, positions = torch.randint(4, 260, (1, 9)), torch.arange(9)[None]
    outputs: list[list[torch.Tensor]] = [[], []]
    for found, shift in zip(outputs, (0, 40), strict=True):
        encoder(tokens, positions + shift, outputs=found)
    assert torch.equal(outputs[0][0], outputs[1][0])
    assert not torch.allclose(outputs[0][1], outputs[1][1], atol=0.01)


def test_post_norm_is_bert():
    """Compare the post-norm block with torch's encoder layer with the same weights."""
    config = VARIANTS["post-norm"]
    block = make(config).stack.blocks[0]
    layer = torch.nn.TransformerEncoderLayer(
        config.width, config.heads, config.feed_forward_width, 0.0, "gelu", batch_first=True
    ).eval()
    layer.load_state_dict(
        {
            "self_attn.in_proj_weight": block.attention.query_key_value.weight,
            "self_attn.in_proj_bias": block.attention.query_key_value.bias,
            "self_attn.out_proj.weight": block.attention.output.weight,
            "self_attn.out_proj.bias": block.attention.output.bias,
            "linear1.weight": block.feed_forward.input.weight,
            "linear1.bias": block.feed_forward.input.bias,
            "linear2.weight": block.feed_forward.output.weight,
            "linear2.bias": block.feed_forward.output.bias,
            "norm1.weight": block.attention_norm.weight,
            "norm1.bias": block.attention_norm.bias,
            "norm2.weight": block.feed_forward_norm.weight,
            "norm2.bias": block.feed_forward_norm.bias,
        }
    )
    x = torch.randn(2, 9, config.width)
    torch.testing.assert_close(block(x, None, None), layer(x), rtol=1e-4, atol=1e-5)


def test_visible_tokens_keep_their_own_positions():
    """Leaving tokens out and giving positions equals hiding them by the attention mask."""
    encoder = make(VARIANTS["rotary"])
    tokens = torch.randint(4, 260, (1, 12))
    visible = torch.tensor([0, 3, 4, 8, 11])
    short, _ = encoder(tokens[:, visible], visible[None])
    hidden = torch.full_like(tokens, PAD).scatter(1, visible[None], tokens[:, visible])
    whole, _ = encoder(hidden)
    torch.testing.assert_close(short, whole[:, visible], rtol=1e-4, atol=1e-5)


def test_a_causal_block_reads_only_what_is_before():
    tokens = torch.randint(4, 260, (2, 20))
    later = tokens.clone()
    later[:, 12:] = 9
    for causal_blocks, depends in ((0, True), (1, True), (2, False)):
        encoder = make(replace(TINY, causal_blocks=causal_blocks))
        first = []
        encoder.stack.blocks[0].register_forward_hook(lambda m, a, out, to=first: to.append(out))
        features, changed = (encoder(each)[0][:, :12] for each in (tokens, later))
        assert torch.allclose(first[0][:, :12], first[1][:, :12], atol=1e-5) == (causal_blocks > 0)
        assert torch.allclose(features, changed, atol=1e-5) != depends


def test_a_model_with_all_causal_blocks_is_the_one_that_clm_trains():
    tokens = torch.randint(4, 260, (2, 20))
    tokens[1, 15:] = PAD
    trained, _ = make(TINY)(tokens, causal=True)
    kept, _ = make(replace(TINY, causal_blocks=2))(tokens)
    torch.testing.assert_close(kept[0], trained[0])
    torch.testing.assert_close(kept[1, :15], trained[1, :15])
    for blocks in (0, 1):  # in the first phase no setting matters
        other, _ = make(replace(TINY, causal_blocks=blocks))(tokens, causal=True)
        assert torch.equal(other, trained)


@pytest.mark.parametrize("settings", [{"causal_blocks": 3}, {"causal_blocks": -1}])
def test_there_cannot_be_more_causal_blocks_than_blocks(settings):
    with pytest.raises(ValueError, match="causal_blocks is"):
        replace(TINY, **settings)
    with pytest.raises(ValueError, match="has nothing before it"):
        replace(TINY, pooling="class", causal_blocks=1)


def test_place_pooling_maps_each_token_by_its_position():
    """Compute each token on its own. Only the pooling uses positions here."""
    encoder = make(replace(VARIANTS["by place"], positions="rotary"))
    features = torch.randn(2, 3, TINY.width)
    real = torch.tensor([[True, True, True], [True, True, False]])
    positions = torch.tensor([[0, 5, 431], [7, 2, 0]])
    maps = encoder.readout.weight.view(24, 432, TINY.width)
    pooled = encoder.pool(features, real, positions)
    for row, count in enumerate((3, 2)):
        mapped = [maps[:, positions[row, t]] @ features[row, t] for t in range(count)]
        torch.testing.assert_close(pooled[row], sum(mapped) / count, rtol=1e-4, atol=1e-4)


def test_place_pooling_starts_near_identity():
    """With random weights, barcodes that share more bases have more similar vectors."""
    config = ModelConfig(
        k=6,
        width=96,
        layers=2,
        heads=2,
        feed_forward_width=192,
        merge=3,
        positions="learned",
        pooling="place",
        max_tokens=22,
    )
    torch.manual_seed(0)
    maker = Embedder(ModelBundle(Encoder(config).eval(), "test", {}), device="cpu")
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 4, 396)
    copies = [whole]
    for fraction in (0.02, 0.1, 0.3, 1.0):
        copy = whole.copy()
        sites = rng.permutation(396)[: round(396 * fraction)]
        copy[sites] = (copy[sites] + rng.integers(1, 4, len(sites))) % 4
        copies.append(copy)
    vectors = normalise(maker.encode(["".join("ACGT"[b] for b in copy) for copy in copies]))
    similarities = vectors @ vectors[0]
    assert (np.diff(similarities) < 0).all()
    assert similarities[1] > 0.9 and similarities[-1] < 0.5


@pytest.mark.parametrize("settings", [{"vector_width": 0, "pooling": "place"}, {"vector_width": 8}])
def test_only_place_pooling_has_a_width_of_vectors(settings):
    with pytest.raises(ValueError, match="vector_width"):
        replace(TINY, **settings)


def test_multiply_adds_count_the_matrix_products():
    """Compare with torch's counter, which counts attention if it is two plain products."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    names = ("rotary", "gated", "class token", "disentangled")
    for config in (VARIANTS[name] for name in names):
        encoder = make(config)
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            encoder.embed(torch.randint(4, 260, (3, 50)))
        of_distances = config.layers * config.distances * 3 * config.width**2
        assert counter.get_total_flops() == 2 * (3 * config.multiply_adds(50) + of_distances)


def test_barcodemae_has_the_size_of_the_paper():
    """46.66 M with BERT's pooler and token types, which the encoder does not have."""
    config = PRESETS["barcodemae"].model
    weights = sum(p.numel() for p in Encoder(config).parameters())
    pooler, token_types, their_special = 768 * 769, 2 * 768, 2 * 768
    assert abs(weights + pooler + token_types - their_special - 46.66e6) < 0.01e6
    assert PRESETS["barcodemae"].settings == {"decoder_layers": 6, "mask_ratio": 0.5}


def test_barcodemae_has_the_recipe_of_the_code():
    """AdamW and OneCycleLR with torch's defaults: betas 0.9 (cycled) and 0.999, end at 4e-6."""
    preset = PRESETS["barcodemae"]
    assert (preset.rates, preset.epochs, preset.batch_size) == ("onecycle", 45, 64)
    assert (preset.learning_rate, preset.weight_decay) == (1e-4, 1e-5)
    assert preset.model.norm_epsilon == 1e-12
    recipe = Recipe(preset.model, (), {}, steps=1, **preset.recipe)
    assert recipe.beta2 == 0.999 and recipe.cycle_momentum and not recipe.clip
    assert recipe.decay_to == pytest.approx(1 / 25 / 1e4)
    defaults = inspect.signature(torch.optim.AdamW).parameters["betas"].default
    assert recipe.beta2 == defaults[1]
    assert recipe.decay_all and recipe.offsets_below_k
    assert not any(other.recipe for name, other in PRESETS.items() if name != "barcodemae")


def test_a_bundle_gives_the_same_vectors_back(tmp_path):
    encoder = make(TINY)
    save_model(tmp_path / "model", encoder, {"seed": 0})
    bundle = load_model(tmp_path / "model")
    tokens = torch.randint(4, 260, (2, 30))
    with torch.inference_mode():
        assert torch.equal(bundle.encoder.embed(tokens), encoder.embed(tokens))
    assert bundle.training == {"seed": 0}
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "config.json",
        "manifest.json",
        "model.safetensors",
    ]


def test_the_fingerprint_depends_on_weights_and_configuration(tmp_path):
    encoder = make(TINY)
    for name in ("a", "b"):
        save_model(tmp_path / name, encoder, {})
    same = load_model(tmp_path / "a").fingerprint
    assert load_model(tmp_path / "b").fingerprint == same
    encoder.tokens.weight.data[0, 0] += 1
    save_model(tmp_path / "c", encoder, {})
    assert load_model(tmp_path / "c").fingerprint != same


def test_a_configuration_that_does_not_fit_the_weights_names_the_tensor(tmp_path):
    from barcodeembed.bundles.manifest import write_manifest

    save_model(tmp_path / "model", make(TINY), {})
    path = tmp_path / "model" / "config.json"
    values = json.loads(path.read_text())
    values["model"]["feed_forward_width"] = 128
    path.write_text(json.dumps(values))
    (tmp_path / "model" / "manifest.json").unlink()
    write_manifest(tmp_path / "model", "model", 1, fingerprint="x")
    with pytest.raises(BundleError, match=r"feed_forward\.input.* is \(256"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "value"),
    [("heads", 0), ("k", 99), ("dropout", 7), ("max_tokens", None), ("width", 63), ("new", 1)],
)
def test_an_invalid_configuration_is_refused(name, value):
    with pytest.raises(BundleError, match="config"):
        ModelConfig.from_json(TINY.to_json() | {name: value})


def test_a_full_disk_is_an_output_error_and_leaves_no_bundle(tmp_path):
    """Files of the process are limited to 16 kB. safetensors raises its own error for it."""
    script = (
        "import resource, signal, sys\n"
        "from barcodeembed.errors import OutputError\n"
        "from barcodeembed.model.bundle import save_model\n"
        "from barcodeembed.model.config import PRESETS\n"
        "from barcodeembed.model.encoder import Encoder\n"
        "encoder = Encoder(PRESETS['tiny'].model)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))\n"
        "try: save_model(sys.argv[1], encoder, {})\n"
        "except OutputError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "cannot be written" in done.stdout, done.stderr
    assert not list(tmp_path.iterdir())


def test_bundles_from_before_the_epsilon_load_as_they_did(tmp_path):
    """Their configuration and their fingerprint do not include the epsilon."""
    config = TINY
    assert "norm_epsilon" not in config.to_json()
    assert ModelConfig.from_json(config.to_json()) == config
    torch.manual_seed(0)
    save_model(tmp_path / "model", Encoder(config), {})
    assert "norm_epsilon" not in (tmp_path / "model" / "config.json").read_text()
    assert load_model(tmp_path / "model").config.norm_epsilon == 1e-5
    recipe = Recipe(config, "maelm", {}, steps=1)  # compared when a run is resumed
    assert recipe.to_json()["model"] == config.to_json()


def test_another_epsilon_is_kept_and_is_used(tmp_path):
    values = TINY.to_json() | {"norm_epsilon": 0.5}
    config = ModelConfig.from_json(values)
    assert config.to_json() == values
    torch.manual_seed(0)
    encoder = Encoder(config).eval()
    save_model(tmp_path / "model", encoder, {})
    loaded = load_model(tmp_path / "model").encoder
    default = Encoder(TINY).eval()
    default.load_state_dict(encoder.state_dict())
    tokens = torch.arange(4, 44)[None]
    with torch.inference_mode():
        assert loaded.embed(tokens).equal(encoder.embed(tokens))
        assert not torch.allclose(default.embed(tokens), encoder.embed(tokens))


@pytest.mark.parametrize("value", [0, -1e-5, 1, "small", None])
def test_an_invalid_epsilon_is_refused(value):
    with pytest.raises(BundleError, match="config is not valid"):
        ModelConfig.from_json({"norm_epsilon": value})
