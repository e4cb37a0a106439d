"""What defines a model, and the presets that name good choices. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from barcodeembed.errors import BundleError
from barcodeembed.model.tokenizer import KmerTokenizer

_CHOICES = {
    "positions": ("learned", "rotary"),
    "feed_forward": ("gelu", "geglu"),
    "norm": ("pre", "post"),
    "pooling": ("mean", "class", "place"),
}

#: Of torch; BERT's is 1e-12.
_NORM_EPSILON = 1e-5

#: Settings that the first bundles had not, at the values that these were made with.
_YOUNGER = {"norm_epsilon": _NORM_EPSILON, "anchored": False, "merge": 1, "vector_width": None}

#: An anchored model takes what is longer than it reads: a whole gene, a mitochondrial contig.
_LONGEST_ANCHORED = 20_000

_COUNTS = ("k", "width", "layers", "heads", "feed_forward_width", "max_tokens", "merge")

#: The format in which models are written.
MODEL_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that decides what vector a barcode gets, weights aside.

    ``k`` bases per k-mer and ``merge`` consecutive k-mers per token, each k-mer being embedded in
    its share of the ``width``; ``max_tokens`` the longest input, class token not counted;
    ``feed_forward_width`` the inner width (of each half, where gated); ``norm`` before (pre) or
    after (post, as BERT) each sublayer; ``norm_epsilon`` added to the variance there;
    ``pooling`` over real tokens, alike (mean) or each through a linear map of its position's own
    (place), or the class token; ``vector_width`` that of the pooled vector, where it is not the
    encoder's. An ``anchored`` model reads a barcode at its place in the marker
    (sequences/anchor.py), and of it what lies within ``max_tokens``.
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

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {choices}")
        for name in _COUNTS:
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not a positive whole number")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout!r}, not in [0, 1)")
        if not 0 < self.norm_epsilon < 1:
            raise ValueError(f"norm_epsilon is {self.norm_epsilon!r}, not in (0, 1)")
        KmerTokenizer(self.k)  # refuses a k that it cannot number
        if self.width % self.merge:
            raise ValueError(f"width {self.width} is no multiple of {self.merge} merged k-mers")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")
        if self.vector_width is not None and (self.pooling != "place" or self.vector_width < 1):
            raise ValueError(f"vector_width is {self.vector_width!r}; place pooling alone has one")
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ValueError("rotary positions need an even width per head")

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
    def max_bases(self) -> int:
        """The longest barcode that the encoder takes, in bases."""
        if self.anchored:
            return _LONGEST_ANCHORED
        return self.max_tokens * self.token_bases + self.token_bases - 1

    @property
    def token_bases(self) -> int:
        """The bases that one token stands for."""
        return self.k * self.merge

    def to_json(self) -> dict[str, Any]:
        """Return the settings; the fingerprints of bundles are taken of them."""
        # The fingerprints of the first bundles must stay what they are.
        return {name: v for name, v in asdict(self).items() if v != _YOUNGER.get(name, ...)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ModelConfig:
        """Rebuild a config, refusing names and values that this version does not know."""
        unknown = values.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise BundleError(f"the model's config has unknown settings: {sorted(unknown)}")
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise BundleError(f"the model's config is not valid: {error}") from None

    def multiply_adds(self, tokens: int) -> int:
        """Count the multiply-adds of the matrix products that encode one sequence of tokens."""
        tokens += self.class_token
        matrices = 3 if self.feed_forward == "geglu" else 2
        per_token = 4 * self.width**2 + matrices * self.width * self.feed_forward_width
        attention = 2 * tokens**2 * self.width
        read_out = self.max_tokens * self.width * self.dimension if self.pooling == "place" else 0
        return self.layers * (tokens * per_token + attention) + read_out


@dataclass(frozen=True, slots=True)
class Preset:
    """A model, and the pretraining settings that go with it."""

    model: ModelConfig
    settings: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    batch_size: int = 64


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
    # A marker of fixed places: few and wide tokens, each read out by its place.
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
    # arXiv 2502.18405 and its code: BERT's post-norm blocks, learned positions, 6 + 6 layers.
    "barcodemae": Preset(
        replace(_BASE, positions="learned", norm="post", max_tokens=512, dropout=0.1),
        {"decoder_layers": 6, "mask_ratio": 0.5},
        learning_rate=1e-4,
        weight_decay=1e-5,
    ),
}
