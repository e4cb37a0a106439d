"""Write a model for other programs: safetensors, ONNX, or a directory for transformers.

Every format has the rule by which barcodes become tokens, because a model is of no use without it.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import product
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from barcodeembed import __version__
from barcodeembed.bundles.checks import field, reading
from barcodeembed.bundles.directories import replace_directory
from barcodeembed.bundles.files import replace_file
from barcodeembed.bundles.manifest import canonical_json, write_json, write_manifest
from barcodeembed.errors import InputError
from barcodeembed.model.bundle import WEIGHTS, ModelBundle
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import CLASS, MASK, PAD, SPECIAL_TOKENS, UNKNOWN

HUGGING_FACE = "huggingface"

#: The entry of the metadata of safetensors and ONNX files.
ENTRY = "barcodeembed"

_MODELLING = "modeling_barcodeembed.py"
_WORDS = {PAD: "[PAD]", MASK: "[MASK]", UNKNOWN: "[UNK]", CLASS: "[CLS]"}

#: Names of a block's layers in this program and in BERT.
_BERT_NAMES = {
    "attention.output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed_forward.input": "intermediate.dense",
    "feed_forward.output": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}


def describe(model: ModelBundle) -> dict[str, Any]:
    """Return what a reader of the exported file must know: the model, and its tokens."""
    config = model.config
    positions = (
        "the positions of the tokens in the marker, which barcodeembed finds by aligning the "
        "barcode (barcodeembed.embedding.tokens.tokenize)"
        if config.anchored
        else "0, 1, 2 ..."
    )
    return {
        "made_by": f"barcodeembed {__version__}",
        "fingerprint": model.fingerprint,
        "model": config.to_json(),
        "dimension": config.dimension,
        "tokens": {
            "k": config.k,
            "kmers_per_token": config.merge,
            "max_tokens": config.max_tokens,
            "special": {word: token for token, word in _WORDS.items()},
            "first_kmer": SPECIAL_TOKENS,
            "rule": f"Write the barcode in capitals, with T for U and without gaps. Cut it into "
            f"consecutive k-mers from its first base; drop the bases after the last whole one. The "
            f"id of a k-mer is {SPECIAL_TOKENS} plus its number in lexicographic order, with "
            f"A = 0, C = 1, G = 2, T = 3 as digits of base 4. A k-mer with another letter is "
            f"{_WORDS[UNKNOWN]}. Fill the rows of a batch with {_WORDS[PAD]} at the end.",
            "positions": positions,
        },
    }


def write_safetensors(model: ModelBundle, path: str | PathLike[str]) -> None:
    """Write one file with the weights, and the model and its tokens in the metadata.

    Raises OutputError if it cannot be written.
    """
    from safetensors.torch import save

    tensors = {name: t.detach().cpu().contiguous() for name, t in _state(model).items()}
    metadata = {"format": "pt", ENTRY: canonical_json(describe(model))}
    with replace_file(path) as stream:
        stream.write(save(tensors, metadata))


def _state(model: ModelBundle) -> dict[str, Tensor]:
    return dict(model.encoder.state_dict())


class _Vectors(nn.Module):
    """The part of an encoder that is exported: from tokens and positions to vectors."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens_BTM: Tensor, positions_BT: Tensor) -> Tensor:
        return self.encoder.embed(tokens_BTM.flatten(1), positions_BT)


def write_onnx(model: ModelBundle, path: str | PathLike[str]) -> None:
    """Write an ONNX file for batches of any number of barcodes of any length.

    Its inputs are int64 ``tokens`` (batch, count, k-mers per token) and ``positions`` (batch,
    count), its output is float32 ``vectors`` (batch, dimension), not of unit length. The metadata
    have the model and its tokens.

    Raises InputError if the packages of the extra ``onnx`` are missing, and OutputError if the
    file cannot be written.
    """
    try:
        import onnxscript  # noqa: F401
        from onnx import ModelProto
    except ImportError:
        raise InputError("ONNX needs more packages: pip install 'barcodeembed[onnx]'") from None
    config = model.config
    # Sizes that are no special cases: a size of 1 would be taken as fixed.
    rows, count = 3, min(7, config.max_tokens)
    tokens_BTM = torch.full((rows, count, config.merge), SPECIAL_TOKENS)
    positions_BT = torch.arange(count).expand(rows, -1).contiguous()
    batch = torch.export.Dim("batch")
    length = torch.export.Dim("count", max=config.max_tokens)
    with _silence():
        exported = torch.onnx.export(
            _Vectors(model.encoder).eval(),
            (tokens_BTM, positions_BT),
            dynamo=True,
            dynamic_shapes=({0: batch, 1: length}, {0: batch, 1: length}),
            input_names=["tokens", "positions"],
            output_names=["vectors"],
            opset_version=18,
            verbose=False,
        )
    assert exported is not None
    proto: ModelProto = exported.model_proto
    proto.metadata_props.add(key=ENTRY, value=canonical_json(describe(model)))
    with replace_file(path) as stream:
        stream.write(proto.SerializeToString())


@contextmanager
def _silence() -> Iterator[None]:
    """Hide what the exporter of torch says about its own code and about torchvision."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def write_hugging_face(model: ModelBundle, path: str | PathLike[str]) -> None:
    """Write a directory that ``transformers.AutoModel.from_pretrained`` opens.

    A model with the architecture of BERT is a ``BertModel``, which needs no other code. Any other
    comes with a small file of code, which needs ``trust_remote_code=True`` and this package.

    Raises OutputError if it cannot be written.
    """
    from safetensors.torch import save_file

    config = model.config
    with replace_directory(path, HUGGING_FACE) as folder:
        if is_bert(config):
            settings, tensors = _bert_config(config), _bert_state(config, _state(model))
        else:
            settings = _own_config(config)
            tensors = {f"encoder.{name}": tensor for name, tensor in _state(model).items()}
            code = files(__package__).joinpath(f"{_MODELLING}.txt").read_text(encoding="utf-8")
            (folder / _MODELLING).write_text(code, encoding="utf-8")
        write_json(folder / "config.json", settings)
        contiguous = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        save_file(contiguous, folder / WEIGHTS, {"format": "pt"})
        write_json(folder / "tokens.json", describe(model))
        if not config.anchored and config.merge == 1:
            _write_tokenizer(config, folder)
        write_manifest(folder, HUGGING_FACE, 1, fingerprint=model.fingerprint)


def is_bert(config: ModelConfig) -> bool:
    """Return whether BERT (arXiv 1810.04805) computes the features of such a model."""
    return (
        config.norm == "post"
        and config.positions == "learned"
        and config.feed_forward == "gelu"
        and config.merge == 1
        and not config.causal_blocks
        and not config.anchored
        and config.pooling != "place"
    )


def _bert_config(config: ModelConfig) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": config.tokenizer.vocabulary_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.feed_forward_width,
        "hidden_act": "gelu",
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.dropout,
        "max_position_embeddings": config.max_tokens + config.class_token,
        "type_vocab_size": 1,
        "layer_norm_eps": config.norm_epsilon,
        "pad_token_id": PAD,
        "torch_dtype": "float32",
    }


def _bert_state(config: ModelConfig, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under the names of BERT."""
    embeddings = {
        "word_embeddings.weight": state["tokens.weight"],
        "position_embeddings.weight": state["stack.positions.weight"],
        "token_type_embeddings.weight": torch.zeros(1, config.width),
        "LayerNorm.weight": state["stack.norm.weight"],
        "LayerNorm.bias": state["stack.norm.bias"],
    }
    found = {f"embeddings.{name}": tensor for name, tensor in embeddings.items()}
    for layer in range(config.layers):
        block, bert = f"stack.blocks.{layer}.", f"encoder.layer.{layer}."
        for part in ("weight", "bias"):
            heads = state[f"{block}attention.query_key_value.{part}"].chunk(3)
            for name, tensor in zip(("query", "key", "value"), heads, strict=True):
                found[f"{bert}attention.self.{name}.{part}"] = tensor.clone()
            for own, name in _BERT_NAMES.items():
                found[f"{bert}{name}.{part}"] = state[f"{block}{own}.{part}"]
    return found


def _own_config(config: ModelConfig) -> dict[str, Any]:
    module = _MODELLING.removesuffix(".py")
    return {
        "architectures": ["BarcodeEmbedModel"],
        "model_type": "barcodeembed",
        "auto_map": {
            "AutoConfig": f"{module}.BarcodeEmbedConfig",
            "AutoModel": f"{module}.BarcodeEmbedModel",
        },
        "model": config.to_json(),
        "torch_dtype": "float32",
    }


def _write_tokenizer(config: ModelConfig, folder: Path) -> None:
    """Write a tokenizer of the ``tokenizers`` library that cuts barcodes as this program does."""
    kmers = map("".join, product("ACGT", repeat=config.k))
    words = [*_WORDS.values(), *kmers]
    special = [
        {
            "id": token,
            "content": word,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for token, word in _WORDS.items()
    ]
    capitals = [
        {"type": "Replace", "pattern": {"Regex": f"[{letters}]"}, "content": capital}
        for letters, capital in (("a", "A"), ("c", "C"), ("g", "G"), ("tuU", "T"), (r"\s.\-", ""))
    ]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": capitals},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": f".{{{config.k}}}"},
            "behavior": "Removed",  # of what does not match: the bases after the last whole k-mer
            "invert": True,
        },
        "post_processor": _class_processor() if config.class_token else None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: number for number, word in enumerate(words)},
            "unk_token": _WORDS[UNKNOWN],
        },
    }
    write_json(folder / "tokenizer.json", tokenizer)
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": config.max_tokens + config.class_token,
            "model_input_names": ["input_ids", "attention_mask"],
            "pad_token": _WORDS[PAD],
            "mask_token": _WORDS[MASK],
            "unk_token": _WORDS[UNKNOWN],
            "cls_token": _WORDS[CLASS],
        },
    )


def _class_processor() -> dict[str, Any]:
    """Return the step that puts the class token first."""
    first = {"SpecialToken": {"id": _WORDS[CLASS], "type_id": 0}}
    rest = {"Sequence": {"id": "A", "type_id": 0}}
    word = {"id": _WORDS[CLASS], "ids": [CLASS], "tokens": [_WORDS[CLASS]]}
    return {
        "type": "TemplateProcessing",
        "single": [first, rest],
        "pair": [first, rest, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {_WORDS[CLASS]: word},
    }


def read_safetensors(path: str | PathLike[str]) -> ModelBundle | None:
    """Read a file that `write_safetensors` wrote, or return None if it is another one.

    Raises BundleError if the weights do not match the model in the metadata.
    """
    from safetensors import SafetensorError, safe_open

    from barcodeembed.model.bundle import load_weights

    try:
        with safe_open(path, "pt") as stream:
            text = (stream.metadata() or {}).get(ENTRY)
    except (SafetensorError, OSError):
        return None
    if text is None:
        return None
    with reading(Path(path)):
        described = json.loads(text)
        identity = field(described, "fingerprint", str)
        config = ModelConfig.from_json(field(described, "model", dict))
        if Path(path).stat().st_size < config.min_weight_bytes:
            raise ValueError("it is too small for a model of this shape")
        encoder = Encoder(config)
    load_weights(encoder, Path(path))
    return ModelBundle(encoder.eval(), identity, {"converted_from": Path(path).name})
