"""Vectors that are kept while they are made: an interrupted run goes on with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from barcodeembed.embedding import vector_maker
from barcodeembed.embedding.kept import encode_kept, has_kept, remove_kept
from barcodeembed.embedding.vector_maker import encode_all
from barcodeembed.errors import OutputError
from barcodeembed.index.embed import embed_barcodes


class Counting:
    """An embedder that counts letters, remembers what it has encoded, and can fail."""

    dimension, max_bases, fingerprint, settings = 4, 100, "letters", {}

    def __init__(self, fail_at: int | None = None) -> None:
        self.encoded: list[str] = []
        self.fail_at = fail_at

    def encode(self, sequences):
        if self.fail_at is not None and len(self.encoded) >= self.fail_at:
            raise RuntimeError("interrupted")
        self.encoded += sequences
        return np.array([[s.count(b) + 1 for b in "ACGT"] for s in sequences], np.float32)


@pytest.fixture
def barcodes(monkeypatch) -> list[str]:
    monkeypatch.setattr(vector_maker, "_CHUNK", 4)
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACGT"), 20)) for _ in range(14)]


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "references.bix"


def interrupt(barcodes: list[str], output: Path, after: int) -> Counting:
    """Encode until so many sequences are done."""
    embedder = Counting(fail_at=after)
    with pytest.raises(RuntimeError, match="interrupted"):
        encode_kept(embedder, barcodes, lambda done, total: None, output)
    return embedder


def test_an_interrupted_run_goes_on_and_gives_the_same_vectors(barcodes, output):
    first = interrupt(barcodes, output, 8)
    again, seen = Counting(), []
    vectors = encode_kept(again, barcodes, lambda done, total: seen.append((done, total)), output)
    assert first.encoded + again.encoded == barcodes
    assert seen == [(12, 14), (14, 14)]
    assert vectors.tobytes() == encode_all(Counting(), barcodes, lambda d, t: None).tobytes()
    # A build that was interrupted after this step makes no vector again.
    last = Counting()
    assert np.array_equal(encode_kept(last, barcodes, lambda d, t: None, output), vectors)
    assert last.encoded == []
    assert has_kept(output)
    remove_kept(output)
    assert not has_kept(output)


def test_what_was_written_after_the_last_commit_is_made_again(barcodes, output):
    interrupt(barcodes, output, 4)
    with open(f"{output}.part/vectors", "ab") as stream:
        stream.write(b"half of a vector")
    again = Counting()
    vectors = encode_kept(again, barcodes, lambda d, t: None, output)
    assert again.encoded == barcodes[4:]
    assert np.array_equal(vectors, encode_all(Counting(), barcodes, lambda d, t: None))


def test_vectors_of_other_barcodes_or_another_model_are_refused(barcodes, output):
    interrupt(barcodes, output, 8)
    kept = Path(f"{output}.part/vectors").read_bytes()
    with pytest.raises(OutputError, match="of a run with another input"):
        encode_kept(Counting(), barcodes[1:], lambda d, t: None, output)
    other = Counting()
    other.fingerprint = "other"
    with pytest.raises(OutputError, match="of a run with another model"):
        encode_kept(other, barcodes, lambda d, t: None, output)
    assert Path(f"{output}.part/vectors").read_bytes() == kept


def test_damaged_vectors_are_refused(barcodes, output):
    interrupt(barcodes, output, 8)
    with open(f"{output}.part/vectors", "r+b") as stream:
        stream.truncate(20)
    with pytest.raises(OutputError, match=r"\.part.*damaged"):
        encode_kept(Counting(), barcodes, lambda d, t: None, output)


def test_the_barcodes_of_an_index_are_kept_only_if_asked_for(barcodes, output):
    plain, _ = embed_barcodes(barcodes, Counting())
    assert not has_kept(output)
    kept, _ = embed_barcodes(barcodes, Counting(), resume=output)
    assert has_kept(output)
    assert kept.tobytes() == plain.tobytes()
