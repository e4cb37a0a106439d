"""Published weights give the features of transformers, or one line of error and no model.

The files have the layouts of BarcodeBERT and BarcodeMAE, with random weights and small sizes.
"""

from __future__ import annotations

import json
import os
from argparse import Namespace
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support import SIMULATED, files_in

from barcodeembed.bundles.manifest import digest_file
from barcodeembed.errors import BundleError, InputError
from barcodeembed.model.average import average
from barcodeembed.model.bundle import load_model, save_model
from barcodeembed.model.config import PRESETS, ModelConfig
from barcodeembed.model.convert import convert
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import CLASS, PAD
from barcodeembed.sequences.anchor import TABLE, Anchor

LENGTHS = (3, 4, 5, 40, 119, 657)


@pytest.fixture(scope="session")
def transformers():
    return pytest.importorskip("transformers")


def shape(k: int, special: int, **changes) -> dict:
    """Return the settings of a small BERT whose numbers are all different."""
    return {
        "vocab_size": 4**k + special,
        "hidden_size": 24,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 40,
        "max_position_embeddings": 200,
    } | changes


def make(kind: str, transformers, **settings):
    """Return a BERT with random weights, all different from their values before training."""
    torch.manual_seed(0)
    bert = getattr(transformers, kind)(transformers.BertConfig(**settings)).eval()
    for parameter in bert.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return bert


@pytest.fixture(scope="session")
def barcodebert(transformers):
    """The current BarcodeBERT: k = 4, two special tokens, a head that predicts k-mers."""
    return make("BertForTokenClassification", transformers, **shape(4, 2), num_labels=256)


@pytest.fixture(scope="session")
def mae(transformers) -> dict:
    """A checkpoint of BarcodeMAE's training, with its decoder and its command line."""
    encoder = make("BertModel", transformers, **shape(5, 2))
    decoder = make("BertForTokenClassification", transformers, **shape(5, 2), num_labels=1024)
    state = {f"encoder.{name}": t for name, t in encoder.state_dict().items()}
    state |= {f"decoder.{name}": t for name, t in decoder.state_dict().items()}
    state["projection_layer.weight"] = torch.randn(24, 24)
    state["projection_layer.bias"] = torch.randn(24)
    state["decoder_embedding.weight"] = state["decoder.bert.embeddings.word_embeddings.weight"]
    optimizer = torch.optim.AdamW(encoder.parameters())
    checkpoint = {
        "model": {f"module.{name}": t for name, t in state.items()},
        "optimizer": optimizer.state_dict(),
        "config": Namespace(
            arch="maelm",
            k_mer=5,
            stride=None,
            tokenizer="kmer",
            max_len=660,
            n_layers=3,
            n_heads=4,
            tokenize_n_nucleotide=False,
        ),
        "bert_config": encoder.config.to_dict(),
        "epoch": 3,
    }
    return {"encoder": encoder, "checkpoint": checkpoint, "state": state}


def sequences() -> list[str]:
    """Return barcodes of different lengths, some of them with N."""
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACGTN"), n, p=[0.24] * 4 + [0.04])) for n in LENGTHS]


def words(k: int, specials: list[str]) -> dict[str, int]:
    """Return the vocabulary of the published models, numbered as in their code."""
    return {word: i for i, word in enumerate([*specials, *map("".join, product("ACGT", repeat=k))])}


def reference_features(bert, vocabulary, k: int, barcode: str, front: list[str]) -> torch.Tensor:
    """Return transformers' features of one barcode, padded with unknown tokens as published."""
    tokens = [barcode[i : i + k] for i in range(0, len(barcode) - k + 1, k)]
    ids = [vocabulary.get(token, vocabulary["unk"]) for token in front + tokens]
    padding = [vocabulary["unk"]] * 7
    mask = torch.tensor([[1] * len(ids) + [0] * len(padding)])
    with torch.inference_mode():
        made = bert(torch.tensor([ids + padding]), attention_mask=mask, output_hidden_states=True)
    return made.hidden_states[-1][0, : len(ids)]


def assert_same_features(encoder: Encoder, bert, specials: list[str]) -> None:
    """Compare the features of every real token, for all barcodes in one padded batch."""
    k, tokenizer = encoder.config.k, encoder.config.tokenizer
    barcodes = [s for s in sequences() if len(s) >= k]
    tokens = [torch.from_numpy(tokenizer.encode(barcode)) for barcode in barcodes]
    batch = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True, padding_value=PAD)
    with torch.inference_mode():
        features, real = encoder(batch)
        pooled = encoder.embed(batch)
    front = ["cls"] if encoder.config.class_token else []
    for i, barcode in enumerate(barcodes):
        wanted = reference_features(bert, words(k, specials), k, barcode, front)
        torch.testing.assert_close(features[i][real[i]], wanted, rtol=1e-5, atol=1e-5)
        vector = wanted[0] if front else wanted.mean(0)
        torch.testing.assert_close(pooled[i], vector, rtol=1e-5, atol=1e-5)


# Sources.


@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "bin"])
@pytest.mark.parametrize("kind", ["BertModel", "BertForMaskedLM", "BertForTokenClassification"])
def test_a_directory_gives_the_features_of_transformers(kind, safe, transformers, tmp_path):
    bert = make(kind, transformers, **shape(4, 2))
    bert.config.save_pretrained(tmp_path)
    state = {name: tensor.clone() for name, tensor in bert.state_dict().items()}
    if safe:
        save_file(state, tmp_path / "model.safetensors")
    else:
        torch.save(state, tmp_path / "pytorch_model.bin")
    converted = convert(tmp_path)
    assert converted.layout == kind
    assert converted.encoder.config == ModelConfig(
        k=4,
        width=24,
        layers=3,
        heads=4,
        feed_forward_width=40,
        positions="learned",
        norm="post",
        max_tokens=200,
        dropout=0.1,
        norm_epsilon=1e-12,
    )
    assert_same_features(converted.encoder, bert, ["mask", "unk"])


@pytest.mark.parametrize("prefix", ["", "bert.", "module.bert.", "encoder.", "_orig_mod.module."])
@pytest.mark.parametrize("suffix", ["safetensors", "bin", "pt"])
def test_a_state_dict_is_converted_whatever_its_prefix(prefix, suffix, mae, tmp_path):
    state = {prefix + name: t for name, t in mae["encoder"].state_dict().items()}
    file = tmp_path / f"state.{suffix}"
    save_file(state, file) if suffix == "safetensors" else torch.save(state, file)
    converted = convert(file, heads=4)
    assert converted.ignored == 2  # the pooler's
    assert converted.encoder.config.norm_epsilon == 1e-12
    assert_same_features(converted.encoder, mae["encoder"], ["mask", "unk"])


def test_the_old_format_of_torch_is_converted(mae, tmp_path):
    file = tmp_path / "state.bin"
    torch.save(mae["encoder"].state_dict(), file, _use_new_zipfile_serialization=False)
    assert_same_features(convert(file, heads=4).encoder, mae["encoder"], ["mask", "unk"])


def test_the_encoder_is_taken_out_of_a_training_checkpoint(mae, tmp_path):
    torch.save(mae["checkpoint"], tmp_path / "checkpoint.pt")
    converted = convert(tmp_path / "checkpoint.pt")
    assert_same_features(converted.encoder, mae["encoder"], ["mask", "unk"])
    assert converted.encoder.config.max_tokens == 660 // 5  # the length of the training barcodes
    ours = [name for name in mae["state"] if name.startswith("encoder.") and "pooler" not in name]
    assert converted.training == {
        "converted_from": "checkpoint.pt",
        "sha256": digest_file(tmp_path / "checkpoint.pt"),
        "layout": "MAELMModel",
        "k": 5,
        "special_tokens": ["mask", "unk"],
        "ignored_tensors": len(mae["state"]) - len(ours),
    }


def test_half_precision_becomes_single(barcodebert, tmp_path):
    half = {name: t.half() for name, t in barcodebert.state_dict().items()}
    torch.save(half, tmp_path / "half.bin")
    torch.save({name: t.float() for name, t in half.items()}, tmp_path / "single.bin")
    made, wanted = (
        convert(tmp_path / f"{name}.bin", heads=4).encoder.state_dict()
        for name in ("half", "single")
    )
    assert all(t.dtype == torch.float32 and t.equal(wanted[name]) for name, t in made.items())


@pytest.mark.parametrize("k", [1, 3, 6, 7])
def test_k_follows_from_the_size_of_the_vocabulary(k, transformers, tmp_path):
    bert = make("BertModel", transformers, **shape(k, 2, max_position_embeddings=664))
    torch.save(bert.state_dict(), tmp_path / "state.bin")
    for given in (None, k):
        encoder = convert(tmp_path / "state.bin", heads=4, k=given).encoder
        assert encoder.config.k == k
        assert_same_features(encoder, bert, ["mask", "unk"])


@pytest.mark.parametrize("pooling", ["mean", "class"])
@pytest.mark.parametrize(
    "kind, given, order",
    [
        ("BertModel", None, ["mask", "unk", "cls"]),
        ("BertForMaskedLM", None, ["mask", "cls", "unk"]),
        ("BertForMaskedLM", ["mask", "unk", "cls"], ["mask", "unk", "cls"]),
        ("BertModel", ["pad", "unk", "cls", "sep", "mask"], ["pad", "unk", "cls", "sep", "mask"]),
    ],
)
def test_special_tokens_keep_their_meaning(kind, given, order, pooling, transformers, tmp_path):
    bert = make(kind, transformers, **shape(4, len(order)))
    torch.save(bert.state_dict(), tmp_path / "state.bin")
    converted = convert(tmp_path / "state.bin", heads=4, special_tokens=given, pooling=pooling)
    assert converted.special_tokens == tuple(order)
    assert converted.encoder.config.max_tokens == 200 - (pooling == "class")
    assert_same_features(converted.encoder, bert, order)
    own = bert.get_input_embeddings().weight
    assert converted.encoder.tokens.weight[CLASS].equal(own[order.index("cls")])


def test_the_maximum_length_can_be_given(barcodebert, tmp_path):
    torch.save(barcodebert.state_dict(), tmp_path / "state.bin")
    encoder = convert(tmp_path / "state.bin", heads=4, max_bases=660).encoder
    assert encoder.config.max_tokens == 165
    assert encoder.stack.positions.weight.shape == (165, 24)
    assert_same_features(encoder, barcodebert, ["mask", "unk"])


# The command.


@pytest.fixture
def folder(barcodebert, tmp_path) -> Path:
    """A directory in the Hugging Face layout, made for one test."""
    path = tmp_path / "BarcodeBERT"
    barcodebert.config.save_pretrained(path)
    save_file(barcodebert.state_dict(), path / "model.safetensors")
    return path


def test_a_converted_model_works_like_any_other(call, folder, barcodebert, tmp_path):
    model = tmp_path / "model"
    result = call("convert", folder, "-o", model, "--k", 4, "--max-length", 660)
    assert (result.code, result.out) == (0, "")
    assert result.err == (
        f"{model}: BertForTokenClassification, 3 layers of width 24, k = 4, barcodes of up to 663 "
        "bases; 2 tensors that do not affect the vectors were ignored\n"
    )
    bundle = load_model(model)
    assert_same_features(bundle.encoder, barcodebert, ["mask", "unk"])
    described = json.loads(call("info", model, "--json").out)
    assert described["training"]["converted_from"] == "model.safetensors"
    assert described["training"]["sha256"] == digest_file(folder / "model.safetensors")
    assert described["model"]["norm_epsilon"] == 1e-12
    embedded = call("embed", SIMULATED / "reads.fasta", "-m", model, "-q")
    assert (embedded.code, embedded.out.count("\n")) == (0, 121)
    again = call("convert", folder, "-o", model, "-q")  # a model is replaced, as pretrain does
    assert again.code == 0
    assert again.err.startswith("barcodeembed: warning: ") and "--max-length 660" in again.err


def test_a_class_token_that_is_not_used_gives_a_warning(call, transformers, tmp_path):
    bert = make("BertModel", transformers, **shape(3, 3))
    torch.save(bert.state_dict(), tmp_path / "state.bin")
    words = ("convert", tmp_path / "state.bin", "-o", tmp_path / "model", "--heads", 4)
    assert "--pooling class" in call(*words).err
    assert "--pooling class" not in call(*words, "--pooling", "class").err
    assert load_model(tmp_path / "model").config.pooling == "class"


class Bomb:
    """Makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def change(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def state(source: SimpleNamespace, **changes) -> Path:
    """Save the tensors with some changes. None removes a tensor."""
    tensors = {**source.tensors, **{n.replace("__", "."): t for n, t in changes.items()}}
    path = source.folder.parent / "changed.bin"
    torch.save({name: t for name, t in tensors.items() if t is not None}, path)
    return path


WORDS = "bert__embeddings__word_embeddings__weight"
QUERY = "bert__encoder__layer__1__attention__self__query__weight"
LAST = "bert__encoder__layer__2__output__LayerNorm__bias"
REFUSED = {
    "no such file": (lambda s: s.folder / "absent", "absent: does not exist"),
    "empty directory": (lambda s: s.empty, "has neither model.safetensors nor pytorch_model.bin"),
    "no config.json": (lambda s: (s.folder / "config.json").unlink(), "config.json: is missing"),
    "no JSON": (lambda s: (s.folder / "config.json").write_text("{"), "cannot be read as JSON"),
    "no object": (lambda s: (s.folder / "config.json").write_text("[]"), "no configuration"),
    "a model bundle": (lambda s: s.bundle, "is already a model bundle"),
    "another activation": (lambda s: change(s.folder, hidden_act="relu"), "hidden_act is 'relu'"),
    "relative positions": (
        lambda s: change(s.folder, position_embedding_type="relative_key"),
        "supports only 'absolute'",
    ),
    "other layers": (
        lambda s: change(s.folder, num_hidden_layers=2),
        "num_hidden_layers 2, but its tensors have 3",
    ),
    "other width": (
        lambda s: change(s.folder, hidden_size=48),
        "hidden_size 48, but its tensors have 24",
    ),
    "odd heads": (lambda s: change(s.folder, num_attention_heads=5), "not a multiple of 5 heads"),
    "odd epsilon": (lambda s: change(s.folder, layer_norm_eps="x"), "could not convert"),
    "no tensors": (
        lambda s: state(s, **dict.fromkeys(n.replace(".", "__") for n in s.tensors)),
        "contains no BERT encoder",
    ),
    "two encoders": (
        lambda s: state(s, other__embeddings__word_embeddings__weight=torch.ones(2)),
        "several encoders: 'bert.', 'other.'",
    ),
    "words of one row": (lambda s: state(s, **{WORDS: torch.ones(24)}), "(24,), not float (any, "),
    "no such vocabulary": (
        lambda s: state(s, **{WORDS: torch.ones(300, 24)}),
        "300 tokens are not",
    ),
    "5^k": (lambda s: state(s, **{WORDS: torch.ones(626, 24)}), "626 tokens are not a vocabulary"),
    "special tokens without names": (
        lambda s: state(s, **{WORDS: torch.ones(261, 24)}),
        "must name 5",
    ),
    "wrong shape": (lambda s: state(s, **{QUERY: torch.ones(24, 25)}), "(24, 25), not float (24, "),
    "whole numbers": (lambda s: state(s, **{QUERY: torch.ones(24, 24, dtype=int)}), "torch.int64"),
    "missing tensor": (lambda s: state(s, **{LAST: None}), f"lacks the tensor {LAST}"),
    "unexpected tensor": (
        lambda s: state(s, register_tokens=torch.ones(1, 4, 24)),
        "has the tensor register_tokens, which a plain BERT does not have",
    ),
}


@pytest.fixture
def source(folder, barcodebert, model_bundle, tmp_path) -> SimpleNamespace:
    (tmp_path / "empty").mkdir()
    return SimpleNamespace(
        folder=folder,
        tensors=barcodebert.state_dict(),
        bundle=model_bundle,
        empty=tmp_path / "empty",
    )


def refused(call, words: tuple, problem: str, *folders: Path) -> None:
    """Assert that a command fails with one line of error, and writes nothing."""
    before = files_in(*folders)
    result = call("convert", *words)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("barcodeembed: error: ") and result.err.count("\n") == 1
    assert problem in result.err
    assert files_in(*folders) == before


@pytest.mark.parametrize("name", REFUSED)
def test_an_unusable_source_is_a_one_line_error(name, source, call, tmp_path):
    damage, problem = REFUSED[name]
    path = damage(source)
    path = path if isinstance(path, Path) else source.folder
    heads = ("--heads", 4) if path.suffix == ".bin" else ()
    words = (path, "-o", tmp_path / "model", *heads)
    refused(call, words, problem.replace("__", "."), tmp_path)


@pytest.mark.parametrize(
    "option, problem",
    [
        (("--k", 6), "--k 6 contradicts the checkpoint, whose k is 4"),
        (("--heads", 2), "--heads 2 contradicts the checkpoint, whose heads is 4"),
        (("--pooling", "class"), "has no class token; its special tokens are mask, unk"),
        (("--special-tokens", "mask,unk,cls"), "2 special tokens; --special-tokens must name 2"),
        (("--special-tokens", "mask,cls"), "--special-tokens mask,cls: "),
        (("--special-tokens", "unk,unk"), "at most once, and always unk"),
        (("--special-tokens", "unk,N"), "--special-tokens unk,N: "),
        (("--max-length", 3), "--max-length 3 is not between 4 and 803"),
        (("--max-length", 804), "--max-length 804 is not between 4 and 803"),
    ],
)
def test_an_option_that_contradicts_the_checkpoint_is_refused(
    option, problem, folder, call, tmp_path
):
    refused(call, (folder, "-o", tmp_path / "model", *option), problem, tmp_path)


@pytest.mark.parametrize(
    "changed, problem",
    [
        ({"k_mer": 4}, "its k_mer is 4, but its k is 5"),
        ({"stride": 1}, "its stride is 1, but its k is 5"),
        ({"tokenizer": "bpe"}, "its tokenizer is 'bpe'"),
    ],
)
def test_a_checkpoint_of_other_tokens_is_refused(changed, problem, mae, tmp_path):
    config = Namespace(**vars(mae["checkpoint"]["config"]) | changed)
    torch.save({**mae["checkpoint"], "config": config}, tmp_path / "checkpoint.pt")
    with pytest.raises(BundleError, match=problem):
        convert(tmp_path / "checkpoint.pt")


def test_heads_are_required_if_the_checkpoint_does_not_have_them(barcodebert, tmp_path):
    torch.save(barcodebert.state_dict(), tmp_path / "state.bin")
    with pytest.raises(InputError, match="give --heads"):
        convert(tmp_path / "state.bin")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["whole", "next to the weights", "among the weights"])
def test_a_pickle_with_code_is_refused_and_not_run(place, zipped, barcodebert, call, tmp_path):
    tensors, bomb = barcodebert.state_dict(), Bomb(tmp_path / "executed")
    content = {
        "whole": bomb,
        "next to the weights": {"model": tensors, "config": bomb},
        "among the weights": {**tensors, "classifier.bias": bomb},
    }[place]
    file = tmp_path / "pytorch_model.bin"
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    refused(call, (file, "-o", tmp_path / "model", "--heads", 4), "could run code", tmp_path)
    torch.load(file, weights_only=False)
    assert (tmp_path / "executed").is_dir()  # otherwise the test would prove nothing


@pytest.mark.parametrize(
    "name, content, problem",
    [
        ("a.bin", b"", "is damaged"),
        ("a.bin", b"not a pickle at all", "is damaged"),
        ("a.bin", b"PK\x03\x04 nor a zip", "is damaged"),
        ("a.safetensors", b"\xff" * 40, "not a readable safetensors file"),
    ],
)
def test_a_damaged_file_is_a_one_line_error(name, content, problem, call, tmp_path):
    (tmp_path / name).write_bytes(content)
    refused(call, (tmp_path / name, "-o", tmp_path / "model"), problem, tmp_path)


def test_a_list_of_tensors_is_not_a_state_dict(call, tmp_path):
    torch.save([torch.ones(2)], tmp_path / "a.pt")
    problem = "contains a list, not a state dict"
    refused(call, (tmp_path / "a.pt", "-o", tmp_path / "model"), problem, tmp_path)


def test_a_directory_at_the_output_is_not_deleted(call, folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    refused(call, (folder, "-o", tmp_path / "mine"), "would be deleted", tmp_path)
    before = files_in(tmp_path)
    result = call("convert", folder, "-o", folder)
    assert result.code == 2 and "is also an input" in result.err
    assert files_in(tmp_path) == before


# A model bundle, rewritten.


def rounded(encoder: Encoder) -> Encoder:
    """Return an encoder of the same shape, with its floats rounded to bfloat16."""
    other = Encoder(encoder.config)
    other.load_state_dict(
        {
            name: t.to(torch.bfloat16).float() if t.is_floating_point() else t
            for name, t in encoder.state_dict().items()
        }
    )
    return other.eval()


@pytest.fixture
def trained(tmp_path) -> Path:
    """An anchored bundle, which has integer tensors too, with a description of its training."""
    torch.manual_seed(3)
    encoder = Encoder(replace(PRESETS["tiny"].model, anchored=True))
    rng = np.random.default_rng(3)
    positions = rng.integers(0, 600, TABLE).astype(np.int16)
    encoder.set_anchor(Anchor(positions, rng.random(TABLE).astype(np.float32), 657))
    save_model(tmp_path / "trained", encoder, {"recipe": {"seed": 3}})
    return tmp_path / "trained"


def test_weights_in_bf16_are_the_rounded_model_in_half_the_bytes(trained, call, tmp_path):
    result = call("convert", trained, "-o", tmp_path / "smaller", "--weights", "bf16")
    assert (result.code, result.out, result.err.count("\n")) == (0, "", 1)
    assert "weights in bf16" in result.err
    before, after = load_model(trained), load_model(tmp_path / "smaller")
    assert after.config == before.config
    assert after.training == before.training == {"recipe": {"seed": 3}}
    state, wanted = after.encoder.state_dict(), rounded(before.encoder).state_dict()
    assert {name: t.dtype for name, t in state.items()} == {n: t.dtype for n, t in wanted.items()}
    assert all(t.equal(wanted[name]) for name, t in state.items())
    assert not state["tokens.weight"].equal(before.encoder.state_dict()["tokens.weight"])
    stored = load_file(tmp_path / "smaller" / "model.safetensors")
    assert stored["tokens.weight"].dtype == torch.bfloat16
    assert stored["anchor_places"].dtype == torch.int32
    assert stored["anchor_places"].equal(before.encoder.anchor_places)


def test_a_bf16_bundle_makes_the_vectors_of_the_rounded_model(model_bundle, call, tmp_path):
    assert call("convert", model_bundle, "-o", tmp_path / "m", "--weights", "bf16", "-q").err == ""
    sizes = [(m / "model.safetensors").stat().st_size for m in (tmp_path / "m", model_bundle)]
    assert 0.5 <= sizes[0] / sizes[1] < 0.52
    encoder = load_model(model_bundle).encoder
    save_model(tmp_path / "rounded", rounded(encoder), {})
    tables = [
        call("embed", SIMULATED / "reads.fasta", "-m", model, "-q").out
        for model in (tmp_path / "m", tmp_path / "rounded", model_bundle)
    ]
    assert tables[0] == tables[1] != tables[2]
    described = json.loads(call("info", tmp_path / "m", "--json").out)
    assert described["weights"] == "bf16"
    assert json.loads(call("info", model_bundle, "--json").out)["weights"] == "fp32"


def test_fp32_does_not_change_a_bundle_or_restore_precision(model_bundle, call, tmp_path):
    for source, name, weights in (
        (model_bundle, "same", "fp32"),
        (model_bundle, "half", "bf16"),
        (tmp_path / "half", "wide", "fp32"),
        (tmp_path / "wide", "again", "bf16"),
    ):
        assert call("convert", source, "-o", tmp_path / name, "--weights", weights).code == 0
    prints = {
        name: load_model(tmp_path / name).fingerprint for name in ("same", "half", "wide", "again")
    }
    assert prints["same"] == load_model(model_bundle).fingerprint
    assert prints["half"] == prints["again"] != prints["wide"]
    assert prints["wide"] != prints["same"]


def test_published_weights_can_be_written_in_bf16(folder, call, tmp_path):
    for name, flags in (("wide", ()), ("half", ("--weights", "bf16"))):
        words = ("convert", folder, "-o", tmp_path / name, "--max-length", 660, *flags)
        assert call(*words).code == 0
    state = load_model(tmp_path / "half").encoder.state_dict()
    wanted = rounded(load_model(tmp_path / "wide").encoder).state_dict()
    assert all(t.equal(wanted[name]) for name, t in state.items())


@pytest.mark.parametrize(
    "flags",
    [
        ("--k", 4),
        ("--heads", 2),
        ("--special-tokens", "unk"),
        ("--pooling", "class"),
        ("--max-length", 600),
    ],
)
def test_the_shape_of_a_bundle_cannot_be_converted(flags, model_bundle, call, tmp_path):
    result = call("convert", model_bundle, "-o", tmp_path / "m", "--weights", "bf16", *flags)
    assert (result.code, "whose shape cannot change" in result.err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_the_average_of_models_is_the_mean_of_their_weights(trained, call, tmp_path):
    model = load_model(trained)
    moved = tmp_path / "moved"
    with torch.no_grad():
        for weight in model.encoder.parameters():
            weight.add_(2.0)
    save_model(moved, model.encoder, {})
    done = call("convert", trained, "--average", moved, "--average", moved, "-o", tmp_path / "m")
    assert done.code == 0 and "the average of 3 models" in done.err
    made, before = load_model(tmp_path / "m"), load_model(trained).encoder.state_dict()
    assert made.training["average_of"][0] == load_model(trained).fingerprint
    for name, weight in made.encoder.named_parameters():
        torch.testing.assert_close(weight, before[name] + 4 / 3)


def test_models_of_another_shape_or_marker_are_not_averaged(trained, tmp_path):
    config = load_model(trained).config
    save_model(tmp_path / "wide", Encoder(replace(config, feed_forward_width=32)), {})
    with pytest.raises(InputError, match="feed_forward_width is 32"):
        average([trained, tmp_path / "wide"])
    for name, length in (("one", 600), ("two", 700)):
        encoder = Encoder(replace(config, anchored=True))
        encoder.anchor_length.fill_(length)
        save_model(tmp_path / name, encoder, {})
    with pytest.raises(InputError, match="at different positions"):
        average([tmp_path / "one", tmp_path / "two"])
