"""Files of published weights: their tensors by name, and what is told of them.

A directory in the Hugging Face layout, a state dict, or a training checkpoint that holds one.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from barcodeembed.bundles.manifest import kind_of
from barcodeembed.errors import BundleError, InputError
from barcodeembed.model.bundle import KIND

#: Names under which a directory of the Hugging Face layout keeps its weights, best first.
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")

#: Entries of a training checkpoint that hold the weights.
_STATES = ("model", "state_dict", "model_state_dict")

#: Where an encoder is, a tensor of this name is; what stands before it is the encoder's prefix.
WORDS = "embeddings.word_embeddings.weight"

#: Parts of the names of tensors that the features of the last layer do not depend on.
_APART = {
    "pooler",
    "cls",
    "classifier",
    "decoder",
    "decoder_embedding",
    "projection_layer",
    "position_ids",
    "token_type_ids",
}

#: Settings that must be these, where a checkpoint has them: all else is another arithmetic.
_REQUIRED = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "tokenizer": "kmer",
    "is_decoder": False,
    "tokenize_n_nucleotide": False,
}


@dataclass(slots=True)
class Checkpoint:
    """The tensors of a file by name, of which an encoder is taken; ``settings`` tell of it."""

    file: Path
    tensors: dict[str, Tensor]
    settings: dict[str, Any]
    taken: set[str] = field(default_factory=set)

    @property
    def prefix(self) -> str:
        """What stands in front of the names of the encoder's tensors."""
        prefixes = [name.removesuffix(WORDS) for name in self.tensors if name.endswith(WORDS)]
        encoders = sorted(prefix for prefix in prefixes if "decoder" not in prefix.split("."))
        if not encoders:
            raise self.refuse(f"holds no BERT encoder: no tensor is named {WORDS}")
        if len(encoders) > 1:
            raise self.refuse(f"holds several encoders: {', '.join(map(repr, encoders))}")
        return encoders[0]

    @property
    def layout(self) -> str:
        """The class, of transformers or of BarcodeMAE, that has tensors of these names."""
        parts = {part for name in self.tensors for part in name.split(".")}
        if "cls" in parts:  # whose output layer is named decoder too
            return "BertForMaskedLM"
        if "decoder" in parts:
            return "MAELMModel"
        return "BertForTokenClassification" if "classifier" in parts else "BertModel"

    def take(self, name: str, *shape: int | None) -> Tensor:
        """Return a tensor of the encoder as float32, of a shape in which None is any size."""
        name = self.prefix + name
        tensor = self.tensors.get(name)
        if tensor is None:
            raise self.refuse(f"lacks the tensor {name}")
        fits = tensor.ndim == len(shape) and all(
            wanted in (None, size) for size, wanted in zip(tensor.shape, shape, strict=True)
        )
        if not fits or not tensor.is_floating_point():
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise self.refuse(
                f"tensor {name} is {tensor.dtype} {tuple(tensor.shape)}, not float ({wanted})"
            )
        self.taken.add(name)
        return tensor.float()

    def count_ignored(self) -> int:
        """Count the tensors not taken; raises BundleError where one of them would matter."""
        left = self.tensors.keys() - self.taken
        strange = [name for name in left if not _APART & set(name.split("."))]
        if strange:
            raise self.refuse(f"has the tensor {min(strange)}, which no plain BERT has")
        return len(left)

    def refuse(self, problem: str) -> BundleError:
        return BundleError(f"{self.file}: {problem}")


def read_checkpoint(source: Path) -> Checkpoint:
    """Read weights and what is told of them, running no code of the file.

    Raises InputError, and BundleError where they are of another kind of model.
    """
    if not source.exists():
        raise InputError("does not exist", source)
    if source.is_dir():
        if kind_of(source) == KIND:
            raise InputError("is a model bundle already; --weights rewrites one", source)
        file = next((source / name for name in _WEIGHTS if (source / name).is_file()), None)
        if file is None:
            raise InputError(f"has neither {' nor '.join(_WEIGHTS)}", source)
        settings = _read_config(source / "config.json")
    else:
        file, settings = source, {}
    values = _read_values(file)
    state = next((values[n] for n in _STATES if isinstance(values.get(n), Mapping)), values)
    for name in ("config", "bert_config"):
        told = values.get(name)
        told = vars(told) if isinstance(told, argparse.Namespace) else told
        settings |= told if isinstance(told, dict) else {}
    tensors = {_bare(str(name)): t for name, t in state.items() if isinstance(t, Tensor)}
    checkpoint = Checkpoint(file, tensors, settings)
    for name, required in _REQUIRED.items():
        if settings.get(name, required) not in (required, None):
            raise checkpoint.refuse(
                f"its {name} is {settings[name]!r}; only {required!r} can be converted"
            )
    return checkpoint


def _bare(name: str) -> str:
    """Strip what distributed training and compilation put in front of a tensor's name."""
    return re.sub(r"^((module|_orig_mod)\.)+", "", name)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("missing; it tells the shape of the weights beside it", path) from None
    except (ValueError, OSError) as error:
        raise InputError(f"cannot be read as JSON: {error}", path) from None
    if not isinstance(values, dict):
        raise InputError("holds no configuration", path)
    return values


def _read_values(file: Path) -> dict[Any, Any]:
    """Read a safetensors file, or a pickle of nothing but tensors and plain values."""
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except (SafetensorError, OSError) as error:
            raise InputError(f"not a readable safetensors file: {error}", file) from None
    # The published checkpoints carry their command line. A Namespace is but a bag of names: to
    # make one runs no code.
    torch.serialization.add_safe_globals([argparse.Namespace])
    try:
        values = torch.load(file, map_location="cpu", weights_only=True)
    except (MemoryError, OSError):
        raise
    except Exception:  # a damaged pickle may fail in any way
        raise InputError(
            "is damaged, or more than weights: to read it could run code that it carries; save "
            "its state dict alone, best as safetensors",
            file,
        ) from None
    if not isinstance(values, dict):
        raise InputError(f"holds a {type(values).__name__}, not a state dict", file)
    return values
