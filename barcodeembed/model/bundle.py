"""Read and write model bundles: ``config.json``, ``model.safetensors`` and ``manifest.json``.

Nothing in a bundle is pickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from barcodeembed.bundles.checks import field, reading
from barcodeembed.bundles.directories import replace_directory
from barcodeembed.bundles.manifest import (
    canonical_json,
    digest_file,
    open_bundle,
    read_json,
    write_json,
    write_manifest,
)
from barcodeembed.bundles.names import utf8_name
from barcodeembed.errors import BundleError, OutputError
from barcodeembed.model.config import MODEL_FORMAT, ModelConfig
from barcodeembed.model.encoder import Encoder

KIND = "model"

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class ModelBundle:
    """A model read from disk. ``training`` describes how it was trained."""

    encoder: Encoder
    fingerprint: str
    training: dict[str, Any]

    @property
    def config(self) -> ModelConfig:
        return self.encoder.config


def fingerprint(config: ModelConfig, weights: Path) -> str:
    """Return the sha256 of the configuration, including the tokenizer's, and of the weights."""
    text = canonical_json(config.to_json()) + digest_file(weights)
    return hashlib.sha256(text.encode()).hexdigest()


def save_model(
    path: str | PathLike[str],
    encoder: Encoder,
    training: dict[str, Any],
    *,
    precision: str = "fp32",
) -> None:
    """Write a complete model bundle, or nothing.

    ``precision`` "bf16" rounds floating-point tensors to half the bytes. Integer tensors, such as
    the positions of an anchor, do not change. The rounded model is a different model, with a
    fingerprint of its own.

    Raises OutputError if the bundle cannot be written.
    """
    values: dict[str, Any] = {"model": encoder.config.to_json(), "training": training}
    tensors = encoder.state_dict()
    if precision == "bf16":
        values["weights"] = precision
        tensors = {
            name: t.bfloat16() if t.is_floating_point() else t for name, t in tensors.items()
        }
    with replace_directory(path, KIND) as bundle:
        write_json(bundle / CONFIG, values)
        save_tensors(tensors, bundle / WEIGHTS)
        identity = fingerprint(encoder.config, bundle / WEIGHTS)
        write_manifest(bundle, KIND, MODEL_FORMAT, fingerprint=identity)


def load_model(path: str | PathLike[str], *, verify: bool = True) -> ModelBundle:
    """Read a model bundle. The weights become float32, whatever precision the file has.

    Raises BundleError if a file does not match the manifest.
    """
    bundle = Path(path)
    manifest = open_bundle(bundle, KIND, MODEL_FORMAT, verify=verify)
    values = read_json(bundle / CONFIG)
    if not isinstance(values, dict) or not isinstance(values.get("model"), dict):
        raise BundleError(f"{bundle / CONFIG}: contains no model configuration")
    with reading(bundle / CONFIG):
        config = ModelConfig.from_json(values["model"])
        training = field(values, "training", dict) if "training" in values else {}
        size = (bundle / WEIGHTS).stat().st_size
        if size < config.min_weight_bytes:
            raise ValueError(f"{WEIGHTS} is too small for a model of this shape")
        encoder = Encoder(config)
    load_weights(encoder, bundle / WEIGHTS)
    if not all(t.isfinite().all() for t in encoder.state_dict().values()):
        raise BundleError(f"{bundle / WEIGHTS}: contains weights that are not finite")
    identity = manifest.get("fingerprint")
    if verify and identity != fingerprint(config, bundle / WEIGHTS):
        raise BundleError(f"{bundle}: the fingerprint does not match the weights and configuration")
    return ModelBundle(encoder.eval(), str(identity), training)


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors. Raises OutputError if they cannot be written."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(contiguous, path)
    except SafetensorError as error:  # a full disk raises this error, not an OSError
        raise OutputError(f"{path.name} cannot be written: {error}") from None


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a safetensors file into a module. Raises BundleError if the tensors do not match."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with utf8_name(path) as name:
            tensors = load_file(name)
    except (SafetensorError, OSError, LookupError, ValueError) as error:
        raise BundleError(f"{path}: not a readable safetensors file: {error}") from None
    expected = module.state_dict()
    for problem, names in (
        ("lacks the tensor", expected.keys() - tensors.keys()),
        ("has an unexpected tensor", tensors.keys() - expected.keys()),
    ):
        if names:
            raise BundleError(f"{path}: {problem} {min(names)}")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise BundleError(
                f"{path}: tensor {name} is {tuple(tensor.shape)}, "
                f"but the configuration needs {tuple(expected[name].shape)}"
            )
    module.load_state_dict(tensors)
