"""The configuration of a model, and presets. Does not import torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from barcodeembed.errors import BundleError
from barcodeembed.model.tokenizer import KmerTokenizer
from barcodeembed.vocabulary import FEED_FORWARDS, NORMS, POOLINGS, POSITIONS

_CHOICES = {
    "positions": POSITIONS,
    "feed_forward": FEED_FORWARDS,
    "norm": NORMS,
    "pooling": POOLINGS,
}

#: The default of torch. BERT uses 1e-12.
_NORM_EPSILON = 1e-5

#: Settings that the first bundles did not have, with the values that those models used.
_LATER_SETTINGS = {
    "norm_epsilon": _NORM_EPSILON,
    "anchored": False,
    "merge": 1,
    "vector_width": None,
    "causal_blocks": 0,
}

#: An anchored model accepts longer sequences than it reads, such as a gene or a contig.
_MAX_ANCHORED_BASES = 20_000

#: Disentangled attention distinguishes distances up to this one, in tokens.
_REACH = 64

_COUNTS = ("k", "width", "layers", "heads", "feed_forward_width", "max_tokens", "merge")

#: The format in which models are written.
MODEL_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """All settings that determine the vector of a barcode, except the weights.

    Attributes:
        k: Bases per k-mer.
        width: Width of the features. Each k-mer of a token is embedded in ``width / merge``.
        layers: Number of transformer blocks.
        heads: Attention heads per block.
        feed_forward_width: Inner width of the feed-forward layer; with geglu, of each half.
        feed_forward: Activation, "gelu" or the gated "geglu".
        positions: "learned" or "rotary" position encoding, "alibi", which lowers attention with
            distance, or "disentangled", which learns vectors of distances (disentangled.py).
        norm: Layer norm before ("pre") or after ("post", as in BERT) each sublayer.
        pooling: How the vector is made: the mean over real tokens ("mean"), the mean after a
            linear map of its own for each position ("place"), or the class token ("class").
        max_tokens: The maximum number of tokens, not counting the class token.
        dropout: Dropout rate in training.
        norm_epsilon: Number added to the variance in layer norm.
        anchored: Whether the model reads a barcode at its position in the marker
            (sequences/anchor.py). It reads only the part within ``max_tokens``.
        merge: Consecutive k-mers per token.
        vector_width: Width of the pooled vector, if it differs from ``width``.
        causal_blocks: Number of blocks, from the first, in which a token attends only to the
            tokens before it. Causal language modelling trains all blocks so; the other blocks lose
            this mask afterwards (Dukic and Snajder, arXiv 2401.14556).
    """

    k: int = 6
    width: int = 256
    layers: int = 4
    heads: int = 4
    feed_forward_width: int = 1024
    feed_forward: str = "gelu"
    positions: str = "rotary"
    norm: str = "pre"
    pooling: str = "mean"
    max_tokens: int = 288
    dropout: float = 0.0
    norm_epsilon: float = _NORM_EPSILON
    anchored: bool = False
    merge: int = 1
    vector_width: int | None = None
    causal_blocks: int = 0

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {choices}")
        for name in _COUNTS:
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not a positive integer")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout!r}, not in [0, 1)")
        if not 0 < self.norm_epsilon < 1:
            raise ValueError(f"norm_epsilon is {self.norm_epsilon!r}, not in (0, 1)")
        KmerTokenizer(self.k)  # raises ValueError if k is out of range
        if self.width % self.merge:
            raise ValueError(f"width {self.width} is not a multiple of {self.merge} merged k-mers")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        if self.vector_width is not None and (self.pooling != "place" or self.vector_width < 1):
            raise ValueError(
                f"vector_width is {self.vector_width!r}; only pooling 'place' can have a "
                "vector_width, and it must be positive"
            )
        self._check_causal_blocks()
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ValueError("rotary positions need an even width per head")

    def _check_causal_blocks(self) -> None:
        if not isinstance(self.causal_blocks, int) or not 0 <= self.causal_blocks <= self.layers:
            raise ValueError(
                f"causal_blocks is {self.causal_blocks!r}, not a number of the {self.layers} blocks"
            )
        if self.causal_blocks and self.class_token:
            raise ValueError(
                "causal_blocks must be 0 with pooling 'class', whose token has nothing before it"
            )

    @property
    def tokenizer(self) -> KmerTokenizer:
        return KmerTokenizer(self.k)

    @property
    def class_token(self) -> bool:
        return self.pooling == "class"

    @property
    def dimension(self) -> int:
        """The width of the pooled vector."""
        return self.vector_width or self.width

    @property
    def distances(self) -> int:
        """The number of distances between tokens that disentangled attention distinguishes."""
        return 2 * min(self.max_tokens, _REACH) if self.positions == "disentangled" else 0

    @property
    def min_weight_bytes(self) -> int:
        """A lower bound of the size of the weights, in bytes: the largest matrices in 16 bits."""
        matrices = 3 if self.feed_forward == "geglu" else 2
        block = 4 * self.width**2 + matrices * self.width * self.feed_forward_width
        read_out = self.max_tokens * self.width * self.dimension if self.pooling == "place" else 0
        absolute = self.positions in ("learned", "disentangled")
        learned = (self.max_tokens * absolute + self.distances) * self.width
        kmers = 4**self.k * (self.width // self.merge)
        return 2 * (self.layers * block + kmers + read_out + learned)

    @property
    def max_bases(self) -> int:
        """The maximum length of a barcode, in bases."""
        if self.anchored:
            return _MAX_ANCHORED_BASES
        return self.max_tokens * self.token_bases + self.token_bases - 1

    @property
    def token_bases(self) -> int:
        """The number of bases in one token."""
        return self.k * self.merge

    def to_json(self) -> dict[str, Any]:
        """Return the settings. Fingerprints of bundles are computed from them."""
        # Later settings are left out at their old value, so that old fingerprints stay valid.
        return {name: v for name, v in asdict(self).items() if v != _LATER_SETTINGS.get(name, ...)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ModelConfig:
        """Rebuild a configuration. Raises BundleError for unknown names and invalid values."""
        unknown = values.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise BundleError(f"the model's config has unknown settings: {sorted(unknown)}")
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise BundleError(f"the model's config is not valid: {error}") from None

    def multiply_adds(self, tokens: int) -> int:
        """Count the multiply-adds of the matrix products for one sequence of ``tokens`` tokens."""
        tokens += self.class_token
        matrices = 3 if self.feed_forward == "geglu" else 2
        per_token = 4 * self.width**2 + matrices * self.width * self.feed_forward_width
        attention = 2 * tokens**2 * self.width
        # Without the maps of the distances, which are computed once for a batch.
        attention += 2 * tokens * self.distances * self.width
        read_out = self.max_tokens * self.width * self.dimension if self.pooling == "place" else 0
        return self.layers * (tokens * per_token + attention) + read_out


@dataclass(frozen=True, slots=True)
class Preset:
    """A model, and the pretraining settings for it.

    ``settings`` are of objectives. ``recipe`` has further values of the training recipe, where they
    differ from its defaults.
    """

    model: ModelConfig
    settings: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    batch_size: int = 64
    rates: str = "cosine"
    epochs: float = 20.0
    recipe: dict[str, Any] = field(default_factory=dict)


_BASE = ModelConfig(
    k=6, width=768, layers=6, heads=6, feed_forward_width=3072, max_tokens=288, dropout=0.0
)

PRESETS = {
    "tiny": Preset(
        ModelConfig(k=4, width=64, layers=2, heads=2, feed_forward_width=256, max_tokens=432),
        {"decoder_layers": 1},
        learning_rate=2e-3,
        batch_size=32,
    ),
    "small": Preset(ModelConfig(), {"decoder_layers": 2}),
    "base": Preset(_BASE, {"decoder_layers": 2}, learning_rate=4e-4, batch_size=256),
    # For one marker with fixed positions: few wide tokens, each pooled by its position.
    "aligned": Preset(
        ModelConfig(
            k=6,
            merge=5,
            width=320,
            heads=5,
            feed_forward_width=1280,
            max_tokens=22,
            positions="learned",
            pooling="place",
            vector_width=192,
            anchored=True,
        ),
        batch_size=256,
    ),
    # From arXiv 2502.18405 and its code: BERT's post-norm, learned positions, 6 + 6 layers, and
    # AdamW and OneCycleLR with the defaults of torch, without clipping. Weight decay also applies
    # to norms and biases, and a barcode begins at one of its first k bases.
    "barcodemae": Preset(
        replace(
            _BASE,
            positions="learned",
            norm="post",
            norm_epsilon=1e-12,
            max_tokens=512,
            dropout=0.1,
        ),
        {"decoder_layers": 6, "mask_ratio": 0.5},
        learning_rate=1e-4,
        weight_decay=1e-5,
        rates="onecycle",
        epochs=45.0,
        recipe={
            "beta2": 0.999,
            "cycle_momentum": True,
            "clip": 0.0,
            "decay_to": 4e-6,
            "decay_all": True,
            "offsets_below_k": True,
        },
    ),
}
