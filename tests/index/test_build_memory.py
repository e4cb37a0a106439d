"""A build keeps few bytes of a record in memory, and its blocks change no byte of the result."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pytest
from support import SIMULATED

from barcodeembed.embedding import vector_maker
from barcodeembed.index import build, collect, embed
from barcodeembed.index.build import build_index, prepare
from barcodeembed.index.collect import BuildReport
from barcodeembed.index.embed import embed_barcodes
from barcodeembed.index.options import BuildOptions
from barcodeembed.sequences import shared_kmers
from barcodeembed.sequences.records import SequenceRecord
from barcodeembed.taxonomy.references import LabelledRecord, read_labelled

pytestmark = pytest.mark.usefixtures("small_samples")

RECORDS = 500


class Composition:
    """A cheap embedder: counts of bases, repeated to a wide vector, as a model with positions."""

    fingerprint, max_bases, settings, anchor = "composition", 2_000, {}, True

    def __init__(self, dimension: int = 8) -> None:
        self.dimension = dimension

    def encode(self, sequences: Sequence[str]) -> np.ndarray:
        counts = [[s[i::2].count(b) + 1 for i in (0, 1) for b in "ACGT"] for s in sequences]
        return np.tile(np.array(counts, np.float32).reshape(-1, 8), self.dimension // 8)


def labelled() -> Iterator[LabelledRecord]:
    """Yield barcodes as a file would give them: each with strings of its own."""
    rng = random.Random(0)
    for number in range(RECORDS):
        bases = "".join(rng.choices("ACGT", k=660))
        names = (*("Animalia", "Arthropoda", "Insecta", "Odonata"), *(None, None))
        genus = f"Genus{number % 50}"
        fields = {"bin_uri": f"BOLD:AAA{number % 300:04d}", "country": "Costa Rica"}
        yield (
            SequenceRecord(f"record_{number:06d}", bases, fields=fields),
            (*names, genus, f"{genus} alba"),
        )


def test_a_reference_takes_fewer_bytes_than_its_bases(monkeypatch):
    monkeypatch.setattr(collect, "TOGETHER", 1)  # how much a batch takes does not grow
    embedder, options = Composition(), BuildOptions()
    prepare(labelled(), embedder, options, BuildReport())  # what is loaded only once
    tracemalloc.start()
    references = prepare(labelled(), embedder, options, BuildReport())
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(references) == RECORDS
    assert kept / RECORDS < 500
    assert peak / RECORDS < 700


@pytest.mark.parametrize("whiten", [0, None])
def test_vectors_are_not_in_memory(whiten, monkeypatch):
    monkeypatch.setattr(vector_maker, "_CHUNK", 100)
    monkeypatch.setattr(embed, "_AT_ONCE", 100)
    embedder, barcodes = Composition(2_000), ["ACGT", "AAAC"] * 2_000
    tracemalloc.start()
    vectors, _ = embed_barcodes(barcodes, embedder, whiten=whiten)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert vectors.shape == (4_000, 2_000)
    assert peak < vectors.nbytes / 4


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"whiten": 4}, id="whitened", marks=pytest.mark.slow),
        pytest.param({"prototypes": "species"}, id="species", marks=pytest.mark.slow),
    ],
)
def test_blocks_change_no_byte(options, monkeypatch, tmp_path):
    def built(name: str) -> dict[str, bytes]:
        index = build_index(
            islice(read_labelled(SIMULATED / "reference.fasta"), 0, None, 4),
            Composition(),
            folder=tmp_path,
            **options,
        )
        index.save(tmp_path / name, model=None)
        files = (tmp_path / name).rglob("*")
        return {
            str(path.relative_to(tmp_path / name)): path.read_bytes()
            for path in files
            if path.is_file()
        }

    whole = built("whole.bix")
    monkeypatch.setattr(vector_maker, "_CHUNK", 7)
    monkeypatch.setattr(embed, "_AT_ONCE", 5)
    monkeypatch.setattr(shared_kmers, "_CHUNK", 1_250)
    monkeypatch.setattr(shared_kmers, "_SORTED", 5_000)
    assert built("blocks.bix") == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blocks.bix", "whole.bix"]


def test_all_steps_are_reported(monkeypatch):
    monkeypatch.setattr(build, "_COUNTED", 400)
    seen: dict[str, list[tuple[int, int]]] = {}

    def begin(name: str):
        seen[name] = []
        return lambda done, total: seen[name].append((done, total))

    build_index(labelled(), Composition(), sample=5, steps=begin, search="quantised")
    assert list(seen) == [
        "reading references",
        "orienting references",
        "embedding references",
        "indexing k-mers",
        "calibrating",
        "choosing the search",
    ]
    assert seen["reading references"] == [(400, 0)]
    assert seen["embedding references"] == [(RECORDS, RECORDS)]
