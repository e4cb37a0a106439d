"""Convert published BERT weights, of BarcodeBERT and BarcodeMAE, to an encoder.

Both are Hugging Face BERTs (arXiv 1810.04805) over non-overlapping k-mers. Their vocabulary has a
few special tokens, followed by the k-mers in lexicographic order. An ``Encoder`` with
``norm="post"`` and ``positions="learned"`` computes the same, so conversion only rearranges the
tables.

Shapes: D width, F inner width of the feed-forward, P positions, V tokens of the vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from barcodeembed.bundles.manifest import digest_file
from barcodeembed.errors import InputError
from barcodeembed.model.config import ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.published import WORDS, Checkpoint, read_checkpoint
from barcodeembed.model.tokenizer import CLASS, MASK, PAD, SPECIAL_TOKENS, UNKNOWN

_POSITIONS = "embeddings.position_embeddings.weight"
_INNER = "encoder.layer.0.intermediate.dense.weight"

#: The encoder's ids of the special tokens. It has no separator, because it never uses one.
_SPECIAL_IDS = {"mask": MASK, "unk": UNKNOWN, "cls": CLASS, "pad": PAD, "sep": None}


@dataclass(frozen=True, slots=True)
class Converted:
    """An encoder made from published weights. ``ignored`` counts the tensors that were not used.

    ``special_tokens`` has the special tokens of the source, in the order of its vocabulary.
    ``length_known`` is true if the source or the options give the length of the training barcodes.
    """

    encoder: Encoder
    file: Path
    layout: str
    special_tokens: tuple[str, ...]
    ignored: int
    length_known: bool

    @property
    def training(self) -> dict[str, Any]:
        """Facts about the source, for the new bundle."""
        return {
            "converted_from": self.file.name,
            "sha256": digest_file(self.file),
            "layout": self.layout,
            "k": self.encoder.config.k,
            "special_tokens": list(self.special_tokens),
            "ignored_tensors": self.ignored,
        }


def convert(
    source: str | PathLike[str],
    *,
    k: int | None = None,
    heads: int | None = None,
    special_tokens: Sequence[str] | None = None,
    pooling: str = "mean",
    max_bases: int | None = None,
) -> Converted:
    """Read published weights as an encoder.

    Args:
        source: A directory in the Hugging Face layout, a state dict (.safetensors, .bin, .pt) or
            a training checkpoint that contains one.
        k: Bases per token. Only compared with the size of the vocabulary.
        heads: Number of attention heads. Weights do not show it, so it is needed if there is no
            configuration.
        special_tokens: The special tokens before the k-mers, in order, out of ``mask``, ``unk``,
            ``cls``, ``pad`` and ``sep``. By default those of the published models.
        pooling: ``class`` puts the class token before the k-mers and uses its features.
        max_bases: Maximum length of a barcode. Positions after it may never have been trained.

    Raises:
        InputError: The source cannot be used, or the options contradict it.
        BundleError: The weights are incomplete, or do not belong to such a BERT.
    """
    checkpoint = read_checkpoint(Path(source))
    trained_bases = checkpoint.settings.get("max_len")  # the published code truncates to this
    k, special = _read_vocabulary(checkpoint, k, special_tokens)
    if pooling == "class" and "cls" not in special:
        raise InputError(
            f"has no class token; its special tokens are {', '.join(special)}", checkpoint.file
        )
    config = _configure(
        checkpoint,
        {
            "k": k,
            "heads": _count_heads(checkpoint, heads),
            "pooling": pooling,
            "max_tokens": _count_positions(checkpoint, k, pooling, max_bases, trained_bases),
        },
    )
    encoder = Encoder(config)
    encoder.load_state_dict(_rearrange(checkpoint, config, special))
    return Converted(
        encoder.eval(),
        checkpoint.file,
        checkpoint.layout,
        special,
        checkpoint.count_ignored(),
        length_known=(max_bases or trained_bases) is not None,
    )


def _read_vocabulary(
    checkpoint: Checkpoint, k: int | None, special: Sequence[str] | None
) -> tuple[int, tuple[str, ...]]:
    """Return k and the special tokens in order. The 4^k k-mers follow them in the vocabulary."""
    size = len(checkpoint.take(WORDS, None, None))
    fitting = [n for n in range(1, 9) if 0 < size - 4**n <= len(_SPECIAL_IDS)]
    if not fitting:
        raise checkpoint.refuse(
            f"{size} tokens are not a vocabulary of 4^k k-mers and up to {len(_SPECIAL_IDS)} "
            "special tokens"
        )
    _check_same(checkpoint, "k", k, fitting[0])
    k = fitting[0] if k is None else k
    for name in ("k_mer", "stride"):
        if checkpoint.settings.get(name) not in (None, k):
            raise checkpoint.refuse(f"its {name} is {checkpoint.settings[name]}, but its k is {k}")
    count = size - 4**k
    special = _default_tokens(count, checkpoint.layout) if special is None else tuple(special)
    if len(special) != count:
        raise InputError(
            f"{size} tokens are 4^{k} k-mers and {count} special tokens; --special-tokens must "
            f"name {count} in their order",
            checkpoint.file,
        )
    if "unk" not in special or len(set(special)) < count or set(special) - _SPECIAL_IDS.keys():
        raise InputError(
            f"--special-tokens {','.join(special)}: use each of {', '.join(_SPECIAL_IDS)} at most "
            "once, and always unk"
        )
    return k, special


def _default_tokens(count: int, layout: str) -> tuple[str, ...]:
    """Return the special tokens of the published models, in the order of their code.

    github.com/bioscan-ml/BarcodeBERT and BarcodeMAE have two (``barcodebert/datasets.py``). The
    two differ in the position of a class token: the first BarcodeBERT, a BertForMaskedLM, has it
    before the unknown token, and BarcodeMAE after it.
    """
    if count == 3:
        return ("mask", "cls", "unk") if layout == "BertForMaskedLM" else ("mask", "unk", "cls")
    return ("mask", "unk") if count == 2 else ()


def _check_same(checkpoint: Checkpoint, name: str, given: int | None, stored: int | None) -> None:
    """Raise InputError if an option contradicts the checkpoint."""
    if None not in (given, stored) and given != stored:
        raise InputError(
            f"--{name} {given} contradicts the checkpoint, whose {name} is {stored}",
            checkpoint.file,
        )


def _count_heads(checkpoint: Checkpoint, heads: int | None) -> int:
    settings = checkpoint.settings
    stored = settings.get("num_attention_heads", settings.get("n_heads"))
    _check_same(checkpoint, "heads", heads, stored)
    heads = stored if heads is None else heads
    if heads is None:
        raise InputError(
            "does not say how many attention heads it has; give --heads, or convert the directory "
            "with its config.json",
            checkpoint.file,
        )
    return heads


def _count_positions(
    checkpoint: Checkpoint, k: int, pooling: str, max_bases: int | None, trained_bases: Any
) -> int:
    """Return the maximum number of tokens. The encoder cannot read more than it has positions."""
    positions = len(checkpoint.take(_POSITIONS, None, None)) - (pooling == "class")
    if max_bases is None:
        if isinstance(trained_bases, int) and trained_bases >= k:
            return min(positions, trained_bases // k)
        return positions
    if not k <= max_bases < (positions + 1) * k:
        raise InputError(
            f"--max-length {max_bases} is not between {k} and {positions * k + k - 1}, the bases "
            "for which the model has positions",
            checkpoint.file,
        )
    return max_bases // k


def _configure(checkpoint: Checkpoint, chosen: dict[str, Any]) -> ModelConfig:
    """Return the configuration, from the shapes of the tensors and the settings."""
    layer = re.compile(re.escape(checkpoint.prefix) + r"encoder\.layer\.(\d+)\.")
    vocabulary, width = checkpoint.take(WORDS, None, None).shape
    shape = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": len(
            {match[1] for match in map(layer.match, checkpoint.tensors) if match}
        ),
        "intermediate_size": len(checkpoint.take(_INNER, None, width)),
    }
    settings = checkpoint.settings
    for name, size in shape.items():
        if settings.get(name, size) != size:
            raise checkpoint.refuse(
                f"its configuration has {name} {settings[name]}, but its tensors have {size}"
            )
    try:
        return ModelConfig(
            width=width,
            layers=shape["num_hidden_layers"],
            feed_forward_width=shape["intermediate_size"],
            positions="learned",
            norm="post",
            norm_epsilon=float(settings.get("layer_norm_eps", 1e-12)),
            dropout=float(settings.get("hidden_dropout_prob", 0.1)),
            **chosen,
        )
    except (TypeError, ValueError) as error:
        raise checkpoint.refuse(str(error)) from None


def _rearrange(
    checkpoint: Checkpoint, config: ModelConfig, special: Sequence[str]
) -> dict[str, Tensor]:
    """Return BERT's tensors under the names, and in the token order, of an Encoder."""
    D = config.width
    words_VD = checkpoint.take(WORDS, None, D)
    tokens_VD = torch.zeros(SPECIAL_TOKENS + 4**config.k, D)
    tokens_VD[SPECIAL_TOKENS:] = words_VD[len(special) :]
    for name, row_D in zip(special, words_VD, strict=False):
        token = _SPECIAL_IDS[name]
        if token is not None:
            tokens_VD[token] = row_D
    # A barcode is one segment, so every token has BERT's first token type.
    type_D = checkpoint.take("embeddings.token_type_embeddings.weight", None, D)[0]
    positions_PD = checkpoint.take(_POSITIONS, None, D)[: config.max_tokens + config.class_token]
    state = {
        "tokens.weight": tokens_VD,
        "stack.positions.weight": positions_PD + type_D,
        "stack.norm.weight": checkpoint.take("embeddings.LayerNorm.weight", D),
        "stack.norm.bias": checkpoint.take("embeddings.LayerNorm.bias", D),
    }
    for layer in range(config.layers):
        for part in ("weight", "bias"):
            block = _rearrange_block(checkpoint, config, f"encoder.layer.{layer}.", part)
            state |= {f"stack.blocks.{layer}.{name}.{part}": t for name, t in block.items()}
    return state


def _rearrange_block(
    checkpoint: Checkpoint, config: ModelConfig, layer: str, part: str
) -> dict[str, Tensor]:
    """Return the weights, or the biases, of one block."""
    D, F = config.width, config.feed_forward_width

    def take(name: str, *shape: int) -> Tensor:
        return checkpoint.take(f"{layer}{name}.{part}", *shape[: 1 if part == "bias" else 2])

    heads = [take(f"attention.self.{name}", D, D) for name in ("query", "key", "value")]
    return {
        "attention.query_key_value": torch.cat(heads),
        "attention.output": take("attention.output.dense", D, D),
        "attention_norm": take("attention.output.LayerNorm", D),
        "feed_forward.input": take("intermediate.dense", F, D),
        "feed_forward.output": take("output.dense", D, F),
        "feed_forward_norm": take("output.LayerNorm", D),
    }
