"""Install a model or an index from a folder, an archive or a URL, after checking its checksums."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zlib
from gzip import BadGzipFile
from http.client import HTTPException
from lzma import LZMAError
from os import PathLike
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import urlopen

from barcodeembed.bundles.directories import replace_directory
from barcodeembed.bundles.manifest import MANIFEST, digest_file, open_bundle, read_manifest
from barcodeembed.errors import BundleError, InputError

_SCHEMES = ("https://", "http://")
_KINDS = ("model", "index")

#: An archive that unpacks to more than both, in bytes and times its own size, is a bomb.
_LARGE, _MAX_RATIO = 1 << 30, 100


def is_url(source: str) -> bool:
    """Return whether the source is on the network."""
    return source.startswith(_SCHEMES)


def install(
    source: str, output: str | PathLike[str] | None = None, *, sha256: str | None = None
) -> Path:
    """Install a bundle, and return its path.

    Args:
        source: A bundle, a tar archive with one bundle (plain or compressed), or the URL of one.
        output: Where to install; by default the name of the bundle, in the current folder.
        sha256: Checksum of the archive, in hexadecimal. A URL needs it, because nothing else shows
            that the archive is the one that was meant.

    Raises:
        InputError: The source cannot be read, or has another checksum.
        BundleError: It contains no bundle, or a damaged one.
        OutputError: The bundle cannot be written.
    """
    if is_url(source) and sha256 is None:
        raise InputError("a URL needs --sha256, the checksum of the archive", source)
    with tempfile.TemporaryDirectory(prefix="barcodeembed-") as scratch:
        bundle = Path(source)
        if not bundle.is_dir():
            archive = Path(scratch, "archive")
            _fetch(source, archive, sha256)
            bundle = _unpack(archive, source, Path(scratch, "unpacked"))
        elif sha256 is not None:
            raise InputError("is a folder, which has no sha256; its manifest is checked", source)
        kind, manifest = _checked(bundle, source)
        target = Path(output) if output is not None else Path(bundle.resolve().name)
        with replace_directory(target, kind) as new:
            for name in (*manifest["files"], MANIFEST):
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(bundle / name, new / name)
    return target


def _checked(bundle: Path, source: str) -> tuple[str, dict[str, Any]]:
    """Return the kind and the manifest of a bundle whose files are those of the manifest."""
    try:
        manifest = read_manifest(bundle, "a bundle")
        kind, version = str(manifest.get("kind")), manifest.get("format_version")
        if kind not in _KINDS:
            raise BundleError(f"{bundle}: is neither a model nor an index")
        open_bundle(bundle, kind, version if isinstance(version, int) else 0, verify=True)
    except BundleError as error:  # it names a file of the temporary folder
        raise BundleError(str(error).replace(str(bundle), source)) from None
    return kind, manifest


def _fetch(source: str, archive: Path, sha256: str | None) -> None:
    """Copy a file or a URL, and compare its checksum."""
    try:
        stream: IO[bytes] = urlopen(source, timeout=60) if is_url(source) else open(source, "rb")
        with stream, open(archive, "wb") as copy:
            shutil.copyfileobj(stream, copy)
    except URLError as error:
        raise InputError(f"cannot be downloaded: {error.reason}", source) from None
    except (HTTPException, ValueError) as error:  # ValueError: not a URL
        raise InputError(f"cannot be downloaded: {error!r}", source) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source) from None
    found = digest_file(archive)
    if sha256 is not None and found != sha256.lower():
        raise InputError(f"has the sha256 {found}, not {sha256}; nothing was installed", source)


def _unpack(archive: Path, source: str, folder: Path) -> Path:
    """Unpack an archive, and return the bundle in it. Links and devices are refused."""
    most = max(_LARGE, _MAX_RATIO * archive.stat().st_size)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                parts = Path(member.name).parts
                if Path(member.name).is_absolute() or ".." in parts:
                    raise BundleError(f"{source}: contains {member.name}, which is outside of it")
                if member.isdir():
                    continue
                most -= member.size
                if most < 0:
                    raise InputError("would unpack to far more than a bundle; refused", source)
                content = tar.extractfile(member) if member.isfile() else None
                if content is None:
                    raise BundleError(f"{source}: contains {member.name}, which is not a file")
                target = folder.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, open(target, "wb") as stream:
                    shutil.copyfileobj(content, stream)
    except (tarfile.TarError, EOFError, BadGzipFile, zlib.error, LZMAError) as error:
        raise InputError(f"is not a tar archive that can be read: {error}", source) from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot be unpacked to {folder.parent}: {reason}", source) from None
    found = [path.parent for path in folder.rglob(MANIFEST)]
    tops = [path for path in found if not any(other in path.parents for other in found)]
    if len(tops) != 1:
        raise BundleError(f"{source}: contains {len(tops)} bundles; it must contain one")
    if tops[0] == folder:
        raise BundleError(f"{source}: the bundle must be in a folder with its name")
    return tops[0]
