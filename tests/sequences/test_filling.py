"""Filling: bases in place of single N, and what N cost in similarity."""

from __future__ import annotations

import numpy as np
import pytest
from anchored_barcodes import LENGTH, make_barcode

from barcodeembed.classify.unread import embed_reads
from barcodeembed.embedding.embedder import Embedder
from barcodeembed.sequences.filling import fill_scattered


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.load(verify=False)


@pytest.fixture(scope="module")
def barcodes(embedder) -> list[str]:
    rng = np.random.default_rng(0)
    return [make_barcode(embedder.anchor, rng) for _ in range(30)]


def scatter(bases: str, count: int, rng: np.random.Generator, letter: str = "N") -> str:
    letters = list(bases)
    for place in rng.choice(len(bases), count, replace=False):
        letters[place] = letter
    return "".join(letters)


def test_most_n_get_the_true_base(embedder, barcodes):
    rng = np.random.default_rng(1)
    reads = [scatter(bases, 20, rng) for bases in barcodes]
    filled = fill_scattered(reads, embedder.anchor)
    right = [
        base == made
        for bases, read, made_bases in zip(barcodes, reads, filled, strict=True)
        for base, letter, made in zip(bases, read, made_bases, strict=True)
        if letter == "N"
    ]
    assert np.mean(right) > 0.6  # chance is 0.25
    for read, made in zip(reads, filled, strict=True):
        assert all(a in ("N", b) for a, b in zip(read, made, strict=True))


def test_an_ambiguity_code_gets_one_of_its_bases(embedder, barcodes):
    rng = np.random.default_rng(2)
    reads = [scatter(bases, 10, rng, "Y") for bases in barcodes]
    made = {
        base
        for read, filled in zip(reads, fill_scattered(reads, embedder.anchor), strict=True)
        for letter, base in zip(read, filled, strict=True)
        if letter == "Y"
    }
    assert {"C", "T"} <= made <= {"C", "T", "Y"}


def test_runs_of_n_stay(embedder, barcodes):
    for run in (5, 80):
        read = barcodes[0][:200] + "N" * run + barcodes[0][200 + run :]
        assert fill_scattered([read, barcodes[1]], embedder.anchor) == [read, barcodes[1]]
    assert fill_scattered([], embedder.anchor) == []


def test_filling_does_not_depend_on_the_batch(embedder, barcodes):
    rng = np.random.default_rng(3)
    reads = [scatter(bases[: 300 + 10 * i], 15, rng) for i, bases in enumerate(barcodes)]
    together = fill_scattered(reads, embedder.anchor)
    assert together == [fill_scattered([read], embedder.anchor)[0] for read in reads]


def test_the_loss_of_similarity_is_estimated(embedder, barcodes):
    rng = np.random.default_rng(4)

    def embed(reads: list[str]) -> np.ndarray:
        return embedder.embed(reads)

    whole = embed(barcodes)
    before = 0.0
    for count in (5, 20):
        reads = [scatter(bases, count, rng) for bases in barcodes]
        vectors, kept = embed_reads(reads, embedder.anchor, embed)
        assert np.array_equal(vectors, embed(reads))
        true = (vectors * whole).sum(1)
        assert np.abs(np.median(kept) - np.median(true)) < 0.3 * (1 - np.median(true))
        assert before < 1 - np.median(kept)
        before = 1 - np.median(kept)
        ((_,), (one,)) = embed_reads(reads[:1], embedder.anchor, embed)
        assert one == pytest.approx(kept[0], abs=1e-6)


def test_reads_without_n_or_without_an_anchor_lose_nothing(embedder, barcodes):
    def only(reads: list[str]) -> np.ndarray:
        assert len(reads) == len(barcodes), "no copies need to be embedded"
        return np.eye(len(reads), dtype=np.float32)

    assert (embed_reads(barcodes, embedder.anchor, only).kept == 1).all()
    damaged = [bases[:9] + "N" + bases[10:LENGTH] for bases in barcodes]
    assert (embed_reads(damaged, None, only).kept == 1).all()
