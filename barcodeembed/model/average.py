"""Average the weights of models that were trained from the same start: a "soup"."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import torch

from barcodeembed.errors import InputError
from barcodeembed.model.bundle import ModelBundle, load_model
from barcodeembed.model.encoder import Encoder


def average(paths: Sequence[str | PathLike[str]]) -> Encoder:
    """Return an encoder with the mean weights of model bundles.

    The models must have the same shape, and the same anchor if they are anchored. They should be
    trained from the same model, with other data, settings or seeds; then their mean is often
    better than each of them (model soups, Wortsman et al., arXiv 2203.05482; MCL, Chen et al.,
    arXiv 2305.03981). The mean of models with other starts is of no use. Raises InputError if the
    models differ, and BundleError if one cannot be read.
    """
    first, *others = [load_model(path) for path in paths]
    for path, other in zip(paths[1:], others, strict=True):
        _check(first, other, f"{path} cannot be averaged with {paths[0]}")
    made = Encoder(first.config)
    made.load_state_dict(first.encoder.state_dict())
    with torch.no_grad():
        for name, weight in made.named_parameters():
            weights = [each.encoder.get_parameter(name).double() for each in (first, *others)]
            weight.copy_(torch.stack(weights).mean(0))
    return made.eval()


def _check(first: ModelBundle, other: ModelBundle, message: str) -> None:
    if other.config != first.config:
        mine, theirs = first.config.to_json(), other.config.to_json()
        name = min(n for n in mine | theirs if mine.get(n) != theirs.get(n))
        raise InputError(f"{message}: {name} is {theirs.get(name)}, not {mine.get(name)}")
    buffers = dict(other.encoder.named_buffers())
    if any(not torch.equal(value, buffers[name]) for name, value in first.encoder.named_buffers()):
        raise InputError(f"{message}: they read barcodes at different positions in the marker")
