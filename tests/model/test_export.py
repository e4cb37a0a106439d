"""A model in the format of another program gives the vectors of the bundle."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support import SIMULATED

from barcodeembed.embedding.tokens import pad, tokenize
from barcodeembed.model.bundle import ModelBundle, load_model, save_model
from barcodeembed.model.config import PRESETS, ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.export import ENTRY, is_bert, read_safetensors, write_onnx
from barcodeembed.sequences.reading import read_records

SEQUENCES = [record.sequence for record in read_records(SIMULATED / "reads.fasta")][:12]

_BERT = replace(PRESETS["barcodemae"].model, k=4, width=48, layers=2, heads=4, max_tokens=170)
CONFIGS = {
    "bert": _BERT,
    "bert-class": replace(_BERT, pooling="class"),
    "rotary": PRESETS["tiny"].model,
    # As the model that ships, but without positions in the marker.
    "place": replace(PRESETS["aligned"].model, anchored=False, width=80, layers=1, vector_width=16),
}


@pytest.fixture(params=CONFIGS)
def bundle(request, tmp_path) -> Path:
    torch.manual_seed(0)
    encoder = Encoder(CONFIGS[request.param])
    for parameter in encoder.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    save_model(tmp_path / "model", encoder, {})
    return tmp_path / "model"


def batch(config: ModelConfig, sequences: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the tokens and positions of sequences of different lengths, padded."""
    tokens, positions = tokenize(sequences, config, None)
    shape = (len(sequences), max(map(len, positions)))
    padded = pad(tokens, positions, shape, config.merge)
    return torch.from_numpy(padded[0]), torch.from_numpy(padded[1])


@torch.inference_mode()
def vectors(model: ModelBundle, sequences: list[str]) -> np.ndarray:
    return model.encoder.embed(*batch(model.config, sequences)).numpy()


def test_safetensors_have_the_model_and_its_tokens(call, bundle, tmp_path):
    path = tmp_path / "model.safetensors"
    assert call("convert", bundle, "--to", "safetensors", "-o", path).code == 0
    made, model = read_safetensors(path), load_model(bundle)
    assert made is not None and made.config == model.config
    assert np.array_equal(vectors(made, SEQUENCES), vectors(model, SEQUENCES))
    # And back.
    assert call("convert", path, "-o", tmp_path / "again").code == 0
    assert load_model(tmp_path / "again").fingerprint == model.fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        "x",
        "[]",
        "{}",
        "[" * 9_999,
        '{"fingerprint": 1, "model": {}}',
        '{"fingerprint": "a", "model": {"width": "x"}}',
        lambda text: json.dumps(json.loads(text) | {"model": None}),
        lambda text: text.replace('"width":', '"width":9999'),
    ],
)
def test_an_edited_description_is_one_line(changed, call, model_bundle, tmp_path):
    path = tmp_path / "model.safetensors"
    assert call("convert", model_bundle, "--to", "safetensors", "-o", path).code == 0
    with safe_open(path, "pt") as stream:
        text = stream.metadata()[ENTRY]
    new = changed if isinstance(changed, str) else changed(text)
    save_file(load_file(path), path, {"format": "pt", ENTRY: new})
    done = call("convert", path, "-o", tmp_path / "again")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert f"error: {path}: " in done.err


@pytest.mark.parametrize("name", ["bert", "rotary", "place"])
def test_onnx_gives_the_vectors_of_batches_of_any_size(name, tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    model = ModelBundle(Encoder(CONFIGS[name]).eval(), "none", {})
    write_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    for some in (SEQUENCES[:1], SEQUENCES[3:4], SEQUENCES[:5], SEQUENCES):
        tokens, positions = batch(model.config, some)
        tokens_BTM = tokens.view(*positions.shape, model.config.merge)
        inputs = {"tokens": tokens_BTM.numpy(), "positions": positions.numpy()}
        (made,) = session.run(["vectors"], inputs)
        assert made == pytest.approx(vectors(model, some), abs=1e-5)
    described = json.loads(session.get_modelmeta().custom_metadata_map["barcodeembed"])
    assert described["model"] == model.config.to_json()
    assert described["tokens"]["k"] == model.config.k


def test_onnx_without_its_packages_says_what_to_install(bundle, call, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    done = call("convert", bundle, "--to", "onnx", "-o", tmp_path / "model.onnx")
    assert done.code == 1 and "pip install 'barcodeembed[onnx]'" in done.err
    assert not (tmp_path / "model.onnx").exists()


@pytest.fixture
def folder(bundle, call, tmp_path) -> Path:
    assert call("convert", bundle, "--to", "huggingface", "-o", tmp_path / "hf").code == 0
    return tmp_path / "hf"


def open_folder(folder: Path, transformers, monkeypatch, trusted: bool):
    """Open a model without the network. Code of a model is copied to a cache of the test."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(folder.parent / "cache"))
    return transformers.AutoModel.from_pretrained(folder, trust_remote_code=trusted).eval()


@pytest.mark.filterwarnings(r"ignore:the load_module\(\) method:DeprecationWarning")  # before 4.41
def test_transformers_give_the_same_vectors(folder, bundle, monkeypatch):
    transformers = pytest.importorskip("transformers")
    model, expected = load_model(bundle), None
    expected = vectors(model, SEQUENCES)
    other = open_folder(folder, transformers, monkeypatch, trusted=not is_bert(model.config))
    if not is_bert(model.config):
        assert other.embed(SEQUENCES).numpy() == pytest.approx(expected, abs=1e-5)
        return
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    # The tokenizer accepts small letters, gaps and U.
    written = [SEQUENCES[0].lower().replace("t", "u"), f"{SEQUENCES[1][:50]}--{SEQUENCES[1][50:]}"]
    inputs = tokenizer([*written, *SEQUENCES[2:]], padding=True, return_tensors="pt")
    with torch.inference_mode():
        features = other(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    made = features[:, 0] if model.config.class_token else (features * mask).sum(1) / mask.sum(1)
    assert made.numpy() == pytest.approx(expected, abs=1e-5)


def test_the_tokenizer_numbers_kmers_as_the_encoder_does(folder, bundle):
    tokenizers = pytest.importorskip("tokenizers")
    config = load_model(bundle).config
    if config.merge > 1:
        assert not (folder / "tokenizer.json").exists()
        return
    tokenizer = tokenizers.Tokenizer.from_file(os.fspath(folder / "tokenizer.json"))
    for sequence in (*SEQUENCES, "ACGTNNACGTA", "ACG"):
        found = tokenizer.encode(sequence).ids[config.class_token :]
        assert found == config.tokenizer.encode(sequence).tolist()


def test_a_folder_with_other_files_is_not_replaced(bundle, call, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("notes")
    done = call("convert", bundle, "--to", "huggingface", "-o", tmp_path / "full")
    assert done.code == 1
    assert (tmp_path / "full" / "notes.txt").read_text() == "notes"


@pytest.mark.parametrize("words", [["--weights", "bf16"], ["--heads", "4"], ["--pooling", "class"]])
def test_options_of_the_shape_are_refused(bundle, call, tmp_path, words):
    done = call("convert", bundle, "--to", "safetensors", "-o", tmp_path / "out", *words)
    assert done.code == 2 and "--to" in done.err
