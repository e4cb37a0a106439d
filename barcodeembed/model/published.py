"""Read the files of published weights: tensors by name, and their settings.

The source is a directory in the Hugging Face layout, a state dict, or a training checkpoint that
contains a state dict.
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
from barcodeembed.bundles.names import utf8_name
from barcodeembed.errors import BundleError, InputError, ran_out_of_memory
from barcodeembed.model.bundle import KIND

#: File names of the weights in a directory of the Hugging Face layout, best first.
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")

#: Entries of a training checkpoint that can contain the weights.
_STATES = ("model", "state_dict", "model_state_dict")

#: Every encoder has a tensor with this name. What precedes the name is the encoder's prefix.
WORDS = "embeddings.word_embeddings.weight"

#: Parts of tensor names. The features of the last layer do not depend on such tensors.
_IGNORED_PARTS = {
    "pooler",
    "cls",
    "classifier",
    "decoder",
    "decoder_embedding",
    "projection_layer",
    "position_ids",
    "token_type_ids",
}

#: Required values of settings, if a checkpoint has them. Other values need other computations.
_REQUIRED = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "tokenizer": "kmer",
    "is_decoder": False,
    "tokenize_n_nucleotide": False,
}


@dataclass(slots=True)
class Checkpoint:
    """The tensors of a file by name, the ``settings`` in it, and the names ``taken`` so far."""

    file: Path
    tensors: dict[str, Tensor]
    settings: dict[str, Any]
    taken: set[str] = field(default_factory=set)

    @property
    def prefix(self) -> str:
        """The text before the names of the encoder's tensors."""
        prefixes = [name.removesuffix(WORDS) for name in self.tensors if name.endswith(WORDS)]
        encoders = sorted(prefix for prefix in prefixes if "decoder" not in prefix.split("."))
        if not encoders:
            raise self.refuse(f"contains no BERT encoder: no tensor is named {WORDS}")
        if len(encoders) > 1:
            raise self.refuse(f"contains several encoders: {', '.join(map(repr, encoders))}")
        return encoders[0]

    @property
    def layout(self) -> str:
        """The class, of transformers or BarcodeMAE, whose tensors have these names."""
        parts = {part for name in self.tensors for part in name.split(".")}
        if "cls" in parts:  # this class also has a layer named decoder
            return "BertForMaskedLM"
        if "decoder" in parts:
            return "MAELMModel"
        return "BertForTokenClassification" if "classifier" in parts else "BertModel"

    def take(self, name: str, *shape: int | None) -> Tensor:
        """Return a tensor of the encoder as float32. ``None`` in ``shape`` allows any size."""
        name = self.prefix + name
        tensor = self.tensors.get(name)
        if tensor is None:
            raise self.refuse(f"lacks the tensor {name}")
        fits = tensor.ndim == len(shape) and all(
            needed in (None, size) for size, needed in zip(tensor.shape, shape, strict=True)
        )
        if not fits or not tensor.is_floating_point():
            sizes = ", ".join("any" if size is None else str(size) for size in shape)
            raise self.refuse(
                f"tensor {name} is {tensor.dtype} {tuple(tensor.shape)}, not float ({sizes})"
            )
        self.taken.add(name)
        return tensor.float()

    def count_ignored(self) -> int:
        """Count the tensors that were not taken. Raises BundleError if one is not ignorable."""
        left = self.tensors.keys() - self.taken
        unexpected = [name for name in left if not _IGNORED_PARTS & set(name.split("."))]
        if unexpected:
            raise self.refuse(f"has the tensor {min(unexpected)}, which a plain BERT does not have")
        return len(left)

    def refuse(self, problem: str) -> BundleError:
        """Return an error about this file, to be raised."""
        return BundleError(f"{self.file}: {problem}")


def read_checkpoint(source: Path) -> Checkpoint:
    """Read weights and their settings. Never runs code from the file.

    Raises InputError if the source cannot be read, and BundleError if it is another kind of model.
    """
    if not source.exists():
        raise InputError("does not exist", source)
    if source.is_dir():
        if kind_of(source) == KIND:
            raise InputError("is already a model bundle; --weights can rewrite it", source)
        file = next((source / name for name in _WEIGHTS if (source / name).is_file()), None)
        if file is None:
            raise InputError(f"has neither {' nor '.join(_WEIGHTS)}", source)
        settings = _read_config(source / "config.json")
    else:
        file, settings = source, {}
    values = _read_values(file)
    state = next((values[n] for n in _STATES if isinstance(values.get(n), Mapping)), values)
    for name in ("config", "bert_config"):
        stored = values.get(name)
        stored = vars(stored) if isinstance(stored, argparse.Namespace) else stored
        settings |= stored if isinstance(stored, dict) else {}
    tensors = {_strip_wrappers(str(name)): t for name, t in state.items() if isinstance(t, Tensor)}
    checkpoint = Checkpoint(file, tensors, settings)
    for name, required in _REQUIRED.items():
        if settings.get(name, required) not in (required, None):
            raise checkpoint.refuse(
                f"its {name} is {settings[name]!r}; convert supports only {required!r}"
            )
    return checkpoint


def _strip_wrappers(name: str) -> str:
    """Remove the prefixes that distributed training and compilation add to a tensor's name."""
    return re.sub(r"^((module|_orig_mod)\.)+", "", name)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            "is missing; convert needs it for the shape of the weights in the same directory", path
        ) from None
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"cannot be read as JSON: {error}", path) from None
    if not isinstance(values, dict):
        raise InputError("contains no configuration", path)
    return values


def _read_values(file: Path) -> dict[Any, Any]:
    """Read a safetensors file, or a pickle that contains only tensors and plain values."""
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            with utf8_name(file) as name:
                return load_file(name)
        except (SafetensorError, OSError) as error:
            raise InputError(f"not a readable safetensors file: {error}", file) from None
    # Published checkpoints contain their command line as a Namespace. A Namespace only stores
    # names and values, so loading one runs no code.
    torch.serialization.add_safe_globals([argparse.Namespace])
    try:
        values = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        if ran_out_of_memory(error):
            raise
        raise InputError(
            "is damaged, or contains more than weights. Reading it could run code stored in it. "
            "Save only its state dict, preferably as safetensors",
            file,
        ) from None
    if not isinstance(values, dict):
        raise InputError(f"contains a {type(values).__name__}, not a state dict", file)
    return values
