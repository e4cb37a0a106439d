"""``--shard`` and ``gather``: the shards of an input give the output of one run, byte for byte."""

from __future__ import annotations

import bz2
import gzip
from itertools import islice
from pathlib import Path

import pytest
from support import SIMULATED, run_here
from test_golden import COI_LIKE

from barcodeembed.classify.pipeline import Classifier
from barcodeembed.classify.rows import row
from barcodeembed.sequences.parts import Part
from barcodeembed.sequences.reading import read_records

READS = SIMULATED / "reads.fasta"


def as_fastq(path: Path, every: int) -> bytes:
    """Return reads as FASTQ, of which every few have a lower quality than the others."""
    lines = []
    for i, record in enumerate(read_records(path)):
        letters = record.sequence.replace("-", "")
        quality = "5" if i % every == 0 else "I"
        lines += [f"@{record.id}", letters, "+", quality * len(letters)]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> dict[str, list[Path]]:
    """Write the same reads in several ways, to be divided among shards."""
    folder = tmp_path_factory.mktemp("reads")
    fasta, fastq = READS.read_bytes(), as_fastq(READS, every=5)
    written = {
        "r.fasta": fasta,
        "r.fasta.gz": gzip.compress(fasta),
        "r.fastq": fastq,
        "r.fastq.bz2": bz2.compress(fastq),
    }
    for name, data in written.items():
        (folder / name).write_bytes(data)
    paths = {name: folder / name for name in written}
    return {
        "fasta": [paths["r.fasta"], paths["r.fasta.gz"]],
        "fastq": [paths["r.fastq"], paths["r.fastq.bz2"]],
    }


@pytest.mark.parametrize("format", ["fasta", "fastq"])
def test_the_shards_of_classify_are_one_run(call, inputs, index_bundle, tmp_path, format):
    plain, packed = inputs[format]
    whole = tmp_path / "whole.tsv"
    assert call("classify", plain, "-i", index_bundle, "-o", whole).code == 0
    shards = [tmp_path / f"names.{i}.tsv" for i in (1, 2, 3)]
    for i, (shard, reads) in enumerate(zip(shards, (plain, packed, plain), strict=True), 1):
        words = ("--shard", f"{i}/3", "-o", shard, "--batch-size", 10 * i)
        done = call("classify", reads, "-i", index_bundle, *words)
        assert done.code == 0 and "40 of 120 records" in done.err
    done = call("gather", *shards[::-1], "-o", tmp_path / "names.tsv")
    assert done.code == 0 and "120 records of 3 shards" in done.err
    assert (tmp_path / "names.tsv").read_bytes() == whole.read_bytes()
    assert call("gather", *shards).out == whole.read_text()
    one, other = tmp_path / "names.tsv.gz", tmp_path / "whole.tsv.gz"
    assert call("gather", *shards, "-o", one).code == 0
    assert call("classify", plain, "-i", index_bundle, "-o", other).code == 0
    assert one.read_bytes() == other.read_bytes()


def test_the_shards_of_several_samples(call, index_bundle, tmp_path):
    records = list(read_records(READS))
    for name, chosen in (("S1", records[:8]), ("S2", records[8:19])):
        text = "".join(f">{record.id}\n{record.sequence}\n" for record in chosen)
        (tmp_path / f"{name}.fasta").write_text(text)
    samples = (tmp_path / "S1.fasta", tmp_path / "S2.fasta", "-i", index_bundle)
    whole = call("classify", *samples).out
    shards = [tmp_path / f"names.{i}.tsv" for i in (1, 2, 3)]
    for i, shard in enumerate(shards, 1):
        assert call("classify", *samples, "--shard", f"{i}/3", "-o", shard).code == 0
    assert call("gather", *shards).out == whole
    assert "\tS2\t" in whole


def test_a_shard_of_standard_input(run, call, inputs, index_bundle, tmp_path):
    reads, packed = inputs["fasta"]
    one, other = tmp_path / "1.tsv.gz", tmp_path / "2.tsv"
    with open(packed, "rb") as stream:
        words = ("classify", "-", "-i", index_bundle, "--shard", "1/2", "-o", one)
        assert run(*words, stdin=stream).code == 0
    assert call("classify", reads, "-i", index_bundle, "--shard", "2/2", "-o", other).code == 0
    whole = call("classify", reads, "-i", index_bundle).out
    assert call("gather", one, other).out == whole


@pytest.mark.parametrize(
    ("suffix", "joined"),
    [("tsv.gz", "tsv"), ("npy", "npy"), ("npy", "npz"), ("npy", "parquet"), ("npy", "tsv.xz")],
)
def test_the_shards_of_embed_are_one_run(call, model_bundle, tmp_path, suffix, joined):
    whole = tmp_path / f"whole.{joined}"
    assert call("embed", READS, "-m", model_bundle, "-o", whole).code == 0
    shards = [tmp_path / f"vectors.{i}.{suffix}" for i in (1, 2)]
    for i, shard in enumerate(shards, 1):
        words = ("-m", model_bundle, "-o", shard, "--shard", f"{i}/2")
        assert call("embed", READS, *words).code == 0
    output = tmp_path / f"vectors.{joined}"
    assert call("gather", *shards, "-o", output).code == 0
    assert output.read_bytes() == whole.read_bytes()
    if joined == "npy":
        names = (Path(f"{path}.ids.tsv") for path in (output, whole))
        one, other = (name.read_bytes() for name in names)
        assert one == other


def test_more_shards_than_records(call, model_bundle, tmp_path):
    reads = tmp_path / "reads.fasta"
    reads.write_text("".join(f">{r.id}\n{r.sequence}\n" for r in islice(read_records(READS), 2)))
    shards = [tmp_path / f"vectors.{i}.npy" for i in (1, 2, 3)]
    for i, shard in enumerate(shards, 1):
        assert call("embed", reads, "-m", model_bundle, "-o", shard, "--shard", f"{i}/3").code == 0
    whole = call("embed", reads, "-m", model_bundle).out
    assert call("gather", *shards).out == whole


def test_the_error_rate_is_that_of_the_whole_input():
    """The rate is estimated from the first reads of the input, whatever shard they are in."""
    classifier = Classifier.load(device="cpu")
    records = list(read_records(COI_LIKE))
    whole = [row(each, classifier.ranks) for each in classifier.classify(records)]
    rate = classifier.read_errors
    assert rate.rate > 0
    found = list(classifier.classify(records, part=Part(2, 3)))
    assert [row(each, classifier.ranks) for each in found] == whole[1::3]
    assert classifier.read_errors == rate


def test_shards_with_other_options_are_refused(call, index_bundle, tmp_path):
    for i, more in ((1, ()), (2, ("--min-confidence", 0.5))):
        words = ("-i", index_bundle, "--shard", f"{i}/2", "-o", tmp_path / f"{i}.tsv")
        assert call("classify", READS, *words, *more).code == 0
    done = call("gather", tmp_path / "1.tsv", tmp_path / "2.tsv", "-o", tmp_path / "all.tsv")
    assert done.code == 1 and "2.tsv: has another min-confidence than" in done.err
    assert not (tmp_path / "all.tsv").exists()


def test_a_run_that_fails_leaves_no_shard(call, index_bundle, tmp_path):
    output = tmp_path / "1.tsv"
    words = ("-i", index_bundle, "--shard", "1/1", "-o", output)
    assert call("classify", READS, *words).code == 0
    broken = tmp_path / "broken.fasta"
    broken.write_text(READS.read_text() + ">x\nACGT>y\n")
    assert call("classify", broken, *words).code == 1
    done = call("gather", output)
    assert done.code == 1 and "has no 1.tsv.shard.json" in done.err and not done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--shard", "0/2", "-o", "x.tsv"), "'0/2' is not I/N"),
        (("--shard", "3/2", "-o", "x.tsv"), "'3/2' is not I/N"),
        (("--shard", "1", "-o", "x.tsv"), "'1' is not I/N"),
        (("--shard", "1/2"), "--shard needs -o FILE"),
        (("--resume",), "--resume needs -o FILE"),
        (("--resume", "-o", "/dev/full"), "--resume needs -o FILE"),
        (
            ("--shard", "1/2", "-o", "x.tsv", "--hits", "h.tsv"),
            "--shard cannot be used with --hits",
        ),
        (("--resume", "-o", "x.tsv", "--cluster-novel"), "cannot be used with --cluster-novel"),
    ],
)
def test_wrong_use(call, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    done = call("classify", READS, *words)
    assert done.code == 2 and message in " ".join(done.err.split())
    assert not list(tmp_path.iterdir())


def test_vectors_that_cannot_be_joined(call, model_bundle, tmp_path):
    done = call("embed", READS, "-o", tmp_path / "v.npz", "--shard", "1/2")
    assert done.code == 2 and "--shard needs a .npy or a table" in " ".join(done.err.split())
    for i, name in ((1, "1.npy"), (2, "2.tsv")):
        words = ("-m", model_bundle, "-o", tmp_path / name, "--shard", f"{i}/2")
        assert call("embed", READS, *words).code == 0
    done = call("gather", tmp_path / "1.npy", tmp_path / "2.tsv")
    assert done.code == 1 and "some shards are .npy" in done.err
    words = ("-m", model_bundle, "-o", tmp_path / "1.tsv", "--shard", "1/2")
    assert call("embed", READS, *words).code == 0
    done = call("gather", tmp_path / "1.tsv", tmp_path / "2.tsv", "-o", tmp_path / "all.npy")
    assert done.code == 1 and "needs shards that are .npy" in done.err


def test_gather_does_not_overwrite_a_shard(tmp_path):
    assert run_here("gather", tmp_path / "1.tsv", "-o", tmp_path / "1.tsv") == 2
