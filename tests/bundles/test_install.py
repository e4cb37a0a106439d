"""Bundles travel as archives: what is installed is complete, or nothing is installed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from http.client import BadStatusLine, IncompleteRead
from pathlib import Path
from urllib.error import URLError

import pytest

from barcodeembed.bundles import install as module
from barcodeembed.bundles.manifest import MANIFEST, open_bundle
from barcodeembed.errors import BundleError
from barcodeembed.model.bundle import load_model


@pytest.fixture
def archive(model_bundle, tmp_path) -> Path:
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(model_bundle, "tiny")
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_archive_is_installed_and_its_path_printed(call, archive, model_bundle, tmp_path):
    done = call("models", "install", archive, "-o", tmp_path / "new", "--sha256", digest(archive))
    assert (done.code, done.out) == (0, f"{tmp_path / 'new'}\n")
    assert load_model(tmp_path / "new").fingerprint == load_model(model_bundle).fingerprint


def test_a_folder_is_installed_under_its_name(call, model_bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("models", "install", model_bundle).out == f"{model_bundle.name}\n"
    assert load_model(tmp_path / model_bundle.name)


def test_another_checksum_installs_nothing(call, archive, tmp_path):
    done = call("models", "install", archive, "-o", tmp_path / "new", "--sha256", "0" * 64)
    assert done.code == 1 and digest(archive) in done.err
    assert not (tmp_path / "new").exists()


def test_what_is_not_a_checksum_is_a_usage_error(call, archive):
    assert call("models", "install", archive, "--sha256", "123").code == 2


def test_a_url_needs_a_checksum_before_the_network_is_used(call, monkeypatch):
    monkeypatch.setattr(module, "urlopen", lambda *_, **__: pytest.fail("it was downloaded"))
    done = call("models", "install", "https://example.org/model.tar.gz")
    assert done.code == 1 and "--sha256" in done.err


def test_a_url_is_downloaded(call, archive, tmp_path, monkeypatch):
    asked = []

    def answer(url, timeout):
        asked.append(url)
        return io.BytesIO(archive.read_bytes())

    monkeypatch.setattr(module, "urlopen", answer)
    url = "https://example.org/model.tar.gz"
    done = call("models", "install", url, "-o", tmp_path / "new", "--sha256", digest(archive))
    assert done.code == 0 and asked == [url]
    assert load_model(tmp_path / "new")


def test_a_failed_download_is_an_error(call, tmp_path, monkeypatch):
    def refuse(url, timeout):
        raise URLError("no route to host")

    monkeypatch.setattr(module, "urlopen", refuse)
    words = ("https://example.org/model.tar.gz", "-o", tmp_path / "new", "--sha256", "0" * 64)
    done = call("models", "install", *words)
    assert done.code == 1 and "no route to host" in done.err


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://[x", None),
        ("http://local host/x", None),
        ("https://example.org/x", IncompleteRead(b"")),
        ("https://example.org/x", BadStatusLine("x")),
    ],
)
def test_a_url_that_is_none_or_is_not_answered_is_one_line(url, error, call, monkeypatch):
    def refuse(url, timeout):
        raise error

    if error:
        monkeypatch.setattr(module, "urlopen", refuse)
    done = call("models", "install", url, "--sha256", "0" * 64)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert f"{url}: cannot be downloaded: " in done.err


def packed(path: Path, members: dict[str, bytes], **links: str) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


@pytest.mark.parametrize(
    ("members", "links", "message"),
    [
        ({"../outside": b"x"}, {}, "outside"),
        ({"/outside": b"x"}, {}, "outside"),
        ({}, {"link": "/etc/passwd"}, "not a file"),
        ({"model/readme": b"x"}, {}, "contains 0 bundles"),
        ({"a/manifest.json": b"{}", "b/manifest.json": b"{}"}, {}, "contains 2 bundles"),
        ({"manifest.json": b"{}"}, {}, "in a folder"),
        ({"a/manifest.json": b"{}"}, {}, "bad.tar/manifest.json: damaged: it is not a manifest"),
        ({"a/manifest.json": b'{"kind": "x", "files": {}}'}, {}, "bad.tar: is neither a model nor"),
        (
            {"a/manifest.json": b"{}", "a/manifest.json/x": b""},
            {},
            "bad.tar: cannot be unpacked to",
        ),
        ({f"a/{'b' * 300}/manifest.json": b"{}"}, {}, "bad.tar: cannot be unpacked"),
    ],
)
def test_an_archive_without_one_sound_bundle_is_refused(call, tmp_path, members, links, message):
    path = packed(tmp_path / "bad.tar", members, **links)
    done = call("models", "install", path, "-o", tmp_path / "new")
    assert done.code == 1 and message in done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.tar"]
    assert not (tmp_path.parent / "outside").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(call, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LARGE", 100_000)
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(
        gzip.compress(packed(tmp_path / "x", {"a/zeros": bytes(3_000_000)}).read_bytes())
    )
    done = call("models", "install", path, "-o", tmp_path / "new")
    assert done.code == 1 and "bomb.tar.gz: would unpack to far more than a bundle" in done.err


@pytest.mark.parametrize("at", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_changed_byte_of_an_archive_is_one_line(at, mode, call, model_bundle, tmp_path):
    path = tmp_path / "model.tar"
    with tarfile.open(path, mode) as tar:
        tar.add(model_bundle, "tiny")
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 0xFF
    path.write_bytes(content)
    done = call("models", "install", path, "-o", tmp_path / "new")
    assert (done.code, done.err.count("\n")) == (1, 1) and str(path) in done.err
    assert not (tmp_path / "new").exists()


def test_a_damaged_archive_or_file_is_refused(call, archive, model_bundle, tmp_path):
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:-2000])
    assert call("models", "install", cut, "-o", tmp_path / "new").code == 1
    files = {f"tiny/{p.name}": p.read_bytes() for p in model_bundle.iterdir()}
    weights = bytearray(files["tiny/model.safetensors"])
    weights[-1] ^= 1
    changed = packed(tmp_path / "bad.tar", files | {"tiny/model.safetensors": bytes(weights)})
    done = call("models", "install", changed, "-o", tmp_path / "new")
    assert done.code == 1 and "checksum" in done.err
    assert not (tmp_path / "new").exists()


def test_models_alone_still_lists_what_ships(call):
    done = call("models", "--no-verify")
    assert done.code == 0 and done.out.startswith("marker\t")


def test_a_folder_has_no_checksum(call, model_bundle, tmp_path):
    done = call("models", "install", model_bundle, "--sha256", "0" * 64, "-o", tmp_path / "new")
    assert done.code == 1 and "is a folder, which has no sha256" in done.err


def test_a_file_that_cannot_be_read_is_an_error(call, tmp_path):
    done = call("models", "install", tmp_path / "nowhere.tar.gz", "-o", tmp_path / "new")
    assert done.code == 1 and "nowhere.tar.gz: cannot be read: No such file" in done.err


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "part/../../outside"])
def test_a_manifest_names_only_files_of_its_bundle(name, tmp_path):
    bundle = tmp_path / "some"
    bundle.mkdir()
    manifest = {"kind": "model", "format_version": 1, "files": {name: {"bytes": 1, "sha256": ""}}}
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="is not the name of a file of the bundle"):
        open_bundle(bundle, "model", 1)
