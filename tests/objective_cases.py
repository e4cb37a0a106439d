"""Common parts of the objectives' tests: a small corpus, batches, and what the encoder reads."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from barcodeembed.corpus.batches import Batch, Batches, Cut
from barcodeembed.corpus.corpus import LABELS, Corpus
from barcodeembed.model.bundle import save_model
from barcodeembed.model.config import PRESETS, ModelConfig
from barcodeembed.model.encoder import Encoder
from barcodeembed.model.tokenizer import SPECIAL_TOKENS, UNKNOWN, KmerTokenizer
from barcodeembed.objectives import objective_class
from barcodeembed.objectives.base import Inputs, Objective
from barcodeembed.objectives.plan import Phase, resolve_settings

TINY = PRESETS["tiny"].model
PLANTED = "ACGTTTGCAAGC"

#: Objectives that read the tokens of a batch. The others draw views.
PREDICTING_TOKENS = (
    "maelm",
    "mlm",
    "codes",
    "evolve",
    "pseudo",
    "translate",
    "clm",
    "meap",
    "rtd",
    "courses",
    "rts",
    "crts",
    "slm",
    "ngram",
    "wced",
    "distill",
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def make_corpus(rows: int = 24, shortest: int = 90, longest: int = 170, seed: int = 0) -> Corpus:
    """Return random barcodes with 1 % N, four per genus, a third of them without a species."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(shortest, longest, rows)
    codes = rng.integers(0, 4, lengths.sum()).astype(np.uint8)
    codes[rng.random(len(codes)) < 0.01] = 4
    labels = np.full((rows, len(LABELS)), -1, np.int32)
    of = np.arange(rows)
    for label, size in (("order", 12), ("family", 8), ("genus", 4), ("species", 2), ("bin", 2)):
        labels[:, LABELS.index(label)] = of // size
    labels[of % 3 == 0, LABELS.index("species")] = -1
    return Corpus(
        codes,
        np.cumsum(lengths) - lengths,
        lengths,
        labels,
        held_out=of[-2:],
        train=of[:-2],
        fingerprint="random",
        summary={},
    )


def planted_corpus() -> Corpus:
    """Return random barcodes, each with three copies of one stretch of three 4-mers."""
    corpus = make_corpus(rows=40)
    bases = np.array(["ACGT".index(base) for base in PLANTED])
    for start in corpus.starts:
        for offset in (8, 30, 62):
            corpus.codes[start + offset : start + offset + len(bases)] = bases
    return corpus


def make(
    name: str, corpus: Corpus | None = None, config: ModelConfig = TINY, **settings: Any
) -> Objective:
    """Return an objective with these settings, initialised with seed 0."""
    torch.manual_seed(0)
    given = [f"{key}={value}" for key, value in (required_settings(name) | settings).items()]
    options = resolve_settings((Phase(1.0, {name: 1.0}),), {}, given)[name]
    kind = objective_class(name)
    return kind(config, kind.Options(**options), corpus or make_corpus())


def required_settings(name: str) -> dict[str, str]:
    """Return the settings that an objective requires."""
    return {"distill.teacher": make_teacher()} if name == "distill" else {}


@cache
def make_teacher() -> str:
    """Return the path of a model with random weights, wider than the students of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="barcodeembed-teacher-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    save_model(folder / "teacher", make_encoder(replace(TINY, width=96, heads=3)), {})
    return str(folder / "teacher")


def make_encoder(config: ModelConfig = TINY) -> Encoder:
    torch.manual_seed(1)
    return Encoder(config)


def ragged(corpus: Corpus | None = None, rows: int = 6, k: int = 4, **more: Any) -> Batch:
    """Return a padded batch, as in evaluation."""
    corpus = corpus or make_corpus()
    batches = Batches(corpus, KmerTokenizer(k), size=2, parts=1, max_tokens=100, seed=0, **more)
    return batches.whole(np.arange(rows))


def rectangle(corpus: Corpus | None = None, size: int = 8, k: int = 4, **more: Any) -> Batch:
    """Return a batch without padding, as in training."""
    corpus = corpus or make_corpus()
    batches = Batches(corpus, KmerTokenizer(k), size=size, parts=1, max_tokens=100, seed=0, **more)
    return batches.batch(0, 0)


def with_tokens(batch: Batch, tokens_BT: np.ndarray) -> Batch:
    positions_BT = np.tile(np.arange(tokens_BT.shape[1]), (len(tokens_BT), 1))
    cut = Cut(tokens_BT, positions_BT, batch.first_B)
    return Batch(batch.corpus, batch.rows, lambda: cut)


def all_unknown() -> Batch:
    """Return a batch of barcodes with only N."""
    corpus = make_corpus()
    corpus.codes[:] = 4
    batch = rectangle(corpus)
    assert (batch.tokens_BT == UNKNOWN).all()
    return batch


def other_kmers(tokens: np.ndarray) -> np.ndarray:
    """Return a different k-mer (k = 4) for each."""
    return SPECIAL_TOKENS + (tokens - SPECIAL_TOKENS + 1) % 256


def with_other_kmers(batch: Batch, indices: np.ndarray) -> Batch:
    """Return the batch with a different k-mer (k = 4) at these flat indices."""
    changed = batch.tokens_BT.copy().reshape(-1)
    changed[indices] = other_kmers(changed[indices])
    return with_tokens(batch, changed.reshape(batch.tokens_BT.shape))


def to_torch(inputs: Inputs) -> Inputs:
    return {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in inputs.items()
    }


def seen_by_encoder(objective: Objective, encoder: Encoder, inputs: Inputs) -> list[torch.Tensor]:
    """Return the token ids that the encoder embedded, one tensor per pass."""
    seen = []
    hook = encoder.tokens.register_forward_hook(lambda m, args, out: seen.append(args[0]))
    objective(encoder, to_torch(inputs))
    hook.remove()
    return seen


def losses_on_a_repeated_batch(objective: Objective, steps: int = 60) -> list[float]:
    """Train on one batch, alternating between two seeds of random choices. Returns the losses."""
    encoder, batch = make_encoder().train(), rectangle(size=4)
    weights = [*encoder.parameters(), *objective.train().parameters()]
    optimizer = torch.optim.AdamW(weights, lr=3e-3)
    losses = []
    for step in range(steps):
        inputs = to_torch(objective.prepare(batch, np.random.default_rng(step % 2)))
        loss = objective(encoder, inputs)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
