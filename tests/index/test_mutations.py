"""Mutated bundles whose checksums match: an author who edits by hand, an old disk.

Every command ends with an answer or with one line that names the bundle, never with a traceback.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import SIMULATED, Result, run_here

from barcodeembed.bundles.manifest import MANIFEST, digest_file
from barcodeembed.model.bundle import fingerprint
from barcodeembed.model.config import ModelConfig

#: Values that are of another type, too large, too many, or nested too deeply for every field.
_STRANGE = [None, True, "x", "", -1, 0, 10**30, 1e300, 0.5, [], {}, [[]], {"x": 1}, [1e9] * 3]

_DEEP = "[" * 100_000

#: What json.dumps writes for infinity and NaN, which is not JSON.
_NOT_JSON = [float("inf"), float("nan")]


def mutate(path: Path, rng: random.Random) -> None:
    """Change a file: some bytes of any file, or a value of JSON."""
    content = path.read_bytes()
    if path.suffix == ".json" and rng.random() < 0.8:
        path.write_text(mutate_json(content.decode(), rng))
    elif path.suffix == ".gz" and rng.random() < 0.5:
        path.write_bytes(gzip.compress(mutate_bytes(gzip.decompress(content), rng), mtime=0))
    else:
        path.write_bytes(mutate_bytes(content, rng))


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Change, delete, repeat or insert bytes, in half of the cases near the beginning."""
    end = len(content) if rng.random() < 0.5 else min(len(content), 150)
    at = rng.randrange(max(end, 1))
    size = rng.choice([1, 2, 8, 200])
    middle, cut = rng.choice(
        [
            (rng.randbytes(size), at + size),
            (b"", at + size),
            (content[at : at + size] * 2, at + size),
            (rng.randbytes(size), at),
            (b"", len(content)),
            (b"9" * size, at + size),
        ]
    )
    return content[:at] + middle + content[cut:]


def mutate_json(text: str, rng: random.Random) -> str:
    """Replace or remove one value, at any depth."""
    if rng.random() < 0.03:
        return _DEEP
    values = json.loads(text)
    places = list(walk(values))
    holder, key = rng.choice(places)
    if rng.random() < 0.25:
        del holder[key]
    elif isinstance(holder[key], int | float) and rng.random() < 0.4:
        holder[key] = holder[key] * rng.choice([-1, 0, 1e-6, 2, 1000]) + rng.choice([0, 1])
    else:
        holder[key] = rng.choice([*_STRANGE, *_NOT_JSON])
    return json.dumps(values)


def walk(values) -> Iterator[tuple]:
    """Yield every container in a value of JSON, with each of its keys."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in list(items):
        yield values, key
        if isinstance(value, dict | list):
            yield from walk(value)


def sign(bundle: Path) -> None:
    """Write the sizes and checksums of the files of a bundle again, and a model's fingerprint."""
    path = bundle / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        for name, entry in manifest["files"].items():
            file = bundle / name
            entry |= {"bytes": file.stat().st_size, "sha256": digest_file(file)}
        if "fingerprint" in manifest:
            values = json.loads((bundle / "config.json").read_text())
            config = ModelConfig.from_json(values["model"])
            manifest["fingerprint"] = fingerprint(config, bundle / "model.safetensors")
    except Exception:  # the manifest or the configuration is what was mutated
        return
    path.write_text(json.dumps(manifest))


def check(result: Result, bundle: Path, what: str) -> None:
    assert result.code in (0, 1), (what, result)
    errors = [line for line in result.err.splitlines() if "error: " in line]
    assert "Traceback" not in result.err, (what, result.err)
    if result.code:
        assert len(errors) == 1, (what, result.err)
        named = str(bundle) in errors[0] or "the index was made with model" in errors[0]
        assert named, (what, result.err)
        assert len(errors[0]) < 600, (what, result.err)
    else:
        assert not errors, (what, result.err)


COUNTS = [
    pytest.param(12, id="12 each"),
    pytest.param(500, id="500 each", marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
]


@pytest.fixture(scope="module")
def reads(tmp_path_factory) -> Path:
    """Return a file with two reads."""
    path = tmp_path_factory.mktemp("reads") / "reads.fa"
    path.write_text("\n".join((SIMULATED / "reads.fasta").read_text().split("\n")[:4]) + "\n")
    return path


@pytest.fixture(scope="module")
def prototypes_bundle(tmp_path_factory, model_bundle, small_samples) -> Path:
    path = tmp_path_factory.mktemp("prototypes") / "prototypes.bix"
    references = path.with_suffix(".fasta")
    lines = (SIMULATED / "reference.fasta").read_text().splitlines(keepends=True)
    references.write_text("".join(lines[:240]))
    options = ("-m", model_bundle, "--prototypes", "species", "-o", path, "-q")
    assert run_here("index", "build", references, *options) == 0
    return path


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", ["model", "index", "prototypes", "signed_model"])
def test_a_mutated_bundle_gives_an_answer_or_one_line(
    kind, count, model_bundle, index_bundle, prototypes_bundle, reads, call, tmp_path
):
    """In ``signed_model`` the model within an index is mutated, and both manifests are right."""
    source = {"model": model_bundle, "prototypes": prototypes_bundle}.get(kind, index_bundle)
    for number in range(count):
        bundle = Path(shutil.copytree(source, tmp_path / f"{number}.b"))
        rng = random.Random(f"{kind} {number}")
        within = bundle / "model" if kind == "signed_model" else bundle
        files = sorted(f for f in within.rglob("*") if f.is_file())
        path = files[number % len(files)]
        mutate(path, rng)
        if path.name != MANIFEST:
            sign(path.parent if (path.parent / MANIFEST).exists() else bundle)
            sign(bundle)
        what = f"{kind} {number}: {path.relative_to(bundle)}"
        words = ("embed", reads, "-m") if kind == "model" else ("classify", reads, "-i")
        for command in (("info",), words):
            try:
                result = call(*command, bundle)
            except Exception as error:
                raise AssertionError(f"{what}: {command[0]}: {error!r}") from error
            check(result, bundle, f"{what}: {command[0]}")
        shutil.rmtree(bundle)
