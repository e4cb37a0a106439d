"""Published BERT weights, of BarcodeBERT and BarcodeMAE, as an encoder of ours.

Both are Hugging Face BERTs (arXiv 1810.04805) over non-overlapping k-mers, whose vocabulary is a
few special tokens and then the k-mers in lexicographic order. Our encoder with ``norm="post"`` and
``positions="learned"`` computes the same, so that only the tables have to be rearranged.

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

#: Our ids of the special tokens; a separator has none, as nothing here would place it.
_SPECIAL_IDS = {"mask": MASK, "unk": UNKNOWN, "cls": CLASS, "pad": PAD, "sep": None}


@dataclass(frozen=True, slots=True)
class Converted:
    """An encoder made of published weights; ``ignored`` counts the tensors that it has no use for.

    ``special_tokens`` are those of the source, in the order of its vocabulary; ``length_known``
    says whether anything told how long the barcodes were that it learnt from.
    """

    encoder: Encoder
    file: Path
    layout: str
    special_tokens: tuple[str, ...]
    ignored: int
    length_known: bool

    @property
    def training(self) -> dict[str, Any]:
        """What the new bundle tells of its origin."""
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
        source: a directory in the Hugging Face layout, a state dict (.safetensors, .bin, .pt) or
            a training checkpoint that holds one.
        k: bases per token, only to be checked against the size of the vocabulary.
        heads: attention heads, which weights do not show; needed where no configuration does.
        special_tokens: of ``mask``, ``unk``, ``cls``, ``pad``, ``sep``, those that stand in front
            of the k-mers, in order; by default what the published models have.
        pooling: ``class`` puts the class token in front of the k-mers and takes its features.
        max_bases: longest barcode, as the positions behind it may never have been trained.

    Raises:
        InputError: the source cannot be used, or the options contradict it.
        BundleError: the weights are not whole, or not of such a BERT.
    """
    checkpoint = read_checkpoint(Path(source))
    learnt = checkpoint.settings.get("max_len")  # what the published code cuts barcodes to
    k, special = _read_vocabulary(checkpoint, k, special_tokens)
    if pooling == "class" and "cls" not in special:
        raise InputError(
            f"has no class token among its special tokens {', '.join(special)}", checkpoint.file
        )
    config = _configure(
        checkpoint,
        {
            "k": k,
            "heads": _count_heads(checkpoint, heads),
            "pooling": pooling,
            "max_tokens": _longest(checkpoint, k, pooling, max_bases, learnt),
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
        length_known=(max_bases or learnt) is not None,
    )


def _read_vocabulary(
    checkpoint: Checkpoint, k: int | None, special: Sequence[str] | None
) -> tuple[int, tuple[str, ...]]:
    """Return k and the special tokens in order: a vocabulary is these and then 4^k k-mers."""
    size = len(checkpoint.take(WORDS, None, None))
    fitting = [n for n in range(1, 9) if 0 < size - 4**n <= len(_SPECIAL_IDS)]
    if not fitting:
        raise checkpoint.refuse(
            f"{size} tokens are no vocabulary of 4^k k-mers and up to {len(_SPECIAL_IDS)} "
            "special tokens"
        )
    k = _agree(checkpoint, "k", k, fitting[0])
    for name in ("k_mer", "stride"):
        if checkpoint.settings.get(name) not in (None, k):
            raise checkpoint.refuse(f"its {name} is {checkpoint.settings[name]}, its k {k}")
    count = size - 4**k
    special = _usual_tokens(count, checkpoint.layout) if special is None else tuple(special)
    if len(special) != count:
        raise InputError(
            f"{size} tokens are 4^{k} k-mers and {count} special tokens; --special-tokens must "
            f"name {count} in their order",
            checkpoint.file,
        )
    if "unk" not in special or len(set(special)) < count or set(special) - _SPECIAL_IDS.keys():
        raise InputError(
            f"--special-tokens are of {', '.join(_SPECIAL_IDS)}, each once at most and unk among "
            f"them; not {', '.join(special)}"
        )
    return k, special


def _usual_tokens(count: int, layout: str) -> tuple[str, ...]:
    """Return the special tokens of the published models, as their code numbers them.

    Two in github.com/bioscan-ml/BarcodeBERT and BarcodeMAE (``barcodebert/datasets.py``). Of the
    class token's place there are two opinions: the first BarcodeBERT, a BertForMaskedLM, has it
    before the unknown one, BarcodeMAE after it.
    """
    if count == 3:
        return ("mask", "cls", "unk") if layout == "BertForMaskedLM" else ("mask", "unk", "cls")
    return ("mask", "unk") if count == 2 else ()


def _agree(checkpoint: Checkpoint, name: str, given: int | None, told: int | None) -> int | None:
    """Return the one that is known of an option and what the checkpoint says of it."""
    if None not in (given, told) and given != told:
        raise InputError(
            f"--{name} {given} contradicts the checkpoint, whose {name} is {told}", checkpoint.file
        )
    return told if given is None else given


def _count_heads(checkpoint: Checkpoint, heads: int | None) -> int:
    told = checkpoint.settings
    told = told.get("num_attention_heads", told.get("n_heads"))
    heads = _agree(checkpoint, "heads", heads, told)
    if heads is None:
        raise InputError(
            "nothing tells how many attention heads it has; give --heads, or the directory with "
            "its config.json",
            checkpoint.file,
        )
    return heads


def _longest(
    checkpoint: Checkpoint, k: int, pooling: str, max_bases: int | None, learnt: Any
) -> int:
    """Return how many tokens the encoder may read: no more than it has positions for."""
    most = len(checkpoint.take(_POSITIONS, None, None)) - (pooling == "class")
    if max_bases is None:
        return min(most, learnt // k) if isinstance(learnt, int) and learnt >= k else most
    if not k <= max_bases < (most + 1) * k:
        raise InputError(
            f"--max-length {max_bases} is not between {k} and the {most * k + k - 1} bases that "
            "there are positions for",
            checkpoint.file,
        )
    return max_bases // k


def _configure(checkpoint: Checkpoint, chosen: dict[str, Any]) -> ModelConfig:
    """Return the configuration that the shapes of the tensors, and the settings, make."""
    layer = re.compile(re.escape(checkpoint.prefix) + r"encoder\.layer\.(\d+)\.")
    vocabulary, width = checkpoint.take(WORDS, None, None).shape
    shape = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": len(
            {found[1] for found in map(layer.match, checkpoint.tensors) if found}
        ),
        "intermediate_size": len(checkpoint.take(_INNER, None, width)),
    }
    told = checkpoint.settings
    for name, found in shape.items():
        if told.get(name, found) != found:
            raise checkpoint.refuse(f"its configuration says {name} {told[name]}, not {found}")
    try:
        return ModelConfig(
            width=width,
            layers=shape["num_hidden_layers"],
            feed_forward_width=shape["intermediate_size"],
            positions="learned",
            norm="post",
            norm_epsilon=float(told.get("layer_norm_eps", 1e-12)),
            dropout=float(told.get("hidden_dropout_prob", 0.1)),
            **chosen,
        )
    except (TypeError, ValueError) as error:
        raise checkpoint.refuse(str(error)) from None


def _rearrange(
    checkpoint: Checkpoint, config: ModelConfig, special: Sequence[str]
) -> dict[str, Tensor]:
    """Return BERT's tensors under our names and in our order of tokens."""
    D = config.width
    words_VD = checkpoint.take(WORDS, None, D)
    tokens_VD = torch.zeros(SPECIAL_TOKENS + 4**config.k, D)
    tokens_VD[SPECIAL_TOKENS:] = words_VD[len(special) :]
    for name, row_D in zip(special, words_VD, strict=False):
        if _SPECIAL_IDS[name] is not None:
            tokens_VD[_SPECIAL_IDS[name]] = row_D
    # A barcode is one segment, so every token has the first of BERT's token types.
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
    """Return the weights of one block, or its biases."""
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
