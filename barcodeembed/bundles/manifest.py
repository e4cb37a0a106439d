"""Write and check bundles: directories with a manifest of the size and sha256 of every file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from barcodeembed import __version__
from barcodeembed.bundles.swap import restore_old
from barcodeembed.errors import BundleError

MANIFEST = "manifest.json"


def canonical_json(values: Any) -> str:
    """Return JSON with sorted keys and without spaces, so that equal values give equal text."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest_file(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(bundle: Path, kind: str, format_version: int, **extra: Any) -> None:
    """Write the manifest of a bundle; call this after all its other files are written."""
    files = {
        str(path.relative_to(bundle)): {"bytes": path.stat().st_size, "sha256": digest_file(path)}
        for path in sorted(bundle.rglob("*"))
        if path.is_file()
    }
    manifest = {
        "kind": kind,
        "format_version": format_version,
        "made_by": f"barcodeembed {__version__}",
        **extra,
        "files": files,
    }
    write_json(bundle / MANIFEST, manifest)


def write_json(path: Path, values: Any) -> None:
    """Write an indented JSON file with sorted keys."""
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file of a bundle. Raises BundleError if it is missing or damaged.

    Numbers that JSON does not have (NaN, Infinity) and values nested too deeply are damage.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise BundleError(f"{path}: missing; the bundle is incomplete") from None
    except (ValueError, OSError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read as JSON: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it contains {name}")


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file of a bundle that must be an object. Raises BundleError."""
    values = read_json(path)
    if not isinstance(values, dict):
        raise BundleError(f"{path}: is not a JSON object")
    return values


def read_manifest(bundle: Path, expected: str) -> dict[str, Any]:
    """Read the manifest of a bundle of any kind.

    ``expected`` describes the bundle that the user should have given, as in "an index". Raises
    BundleError if there is no manifest or it is damaged.
    """
    restore_old(bundle)
    if not bundle.is_dir():
        problem = "is a file, not a bundle directory" if bundle.exists() else "does not exist"
        raise BundleError(f"{bundle}: {problem}; expected {expected} made by barcodeembed")
    if not (bundle / MANIFEST).is_file():
        raise BundleError(f"{bundle}: has no {MANIFEST}; it is not {expected}")
    manifest = read_json(bundle / MANIFEST)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise BundleError(f"{bundle / MANIFEST}: damaged: it is not a manifest")
    return manifest


def kind_of(bundle: Path) -> str | None:
    """Return the kind of a bundle, or None if the directory is not a bundle."""
    try:
        return read_manifest(bundle, "a bundle").get("kind")
    except BundleError:
        return None


def open_bundle(
    bundle: Path, kind: str, format_version: int, *, verify: bool = True
) -> dict[str, Any]:
    """Read a bundle's manifest, and check the size and, with ``verify``, the sha256 of every file.

    Raises BundleError, which names the file, if anything is missing or damaged, or if the bundle
    has another kind or a newer format.
    """
    manifest = read_manifest(bundle, _with_article(kind))
    if manifest.get("kind") != kind:
        raise BundleError(
            f"{bundle}: is {_with_article(str(manifest.get('kind')))}, not {_with_article(kind)}"
        )
    version = manifest.get("format_version")
    if type(version) is not int or version > format_version:
        raise BundleError(
            f"{bundle}: format {version} is newer than this version can read ({format_version}); "
            f"it was made by {manifest.get('made_by')}"
        )
    for name, entry in manifest["files"].items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleError(
                f"{bundle / MANIFEST}: {name} is not the name of a file of the bundle"
            )
        _check_file(bundle / name, entry, verify)
    return manifest


def _check_file(path: Path, entry: Any, verify: bool) -> None:
    if not path.is_file():
        raise BundleError(f"{path}: missing; the bundle is incomplete")
    size, digest = (
        (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
    )
    if type(size) is not int or not isinstance(digest, str):
        raise BundleError(f"{path}: the manifest has no size and sha256 for this file")
    if path.stat().st_size != size:
        raise BundleError(
            f"{path}: damaged: {path.stat().st_size} bytes instead of the {size} in the manifest"
        )
    if verify and digest_file(path) != digest:
        raise BundleError(f"{path}: checksum mismatch; the file is damaged")


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[:1] in "aeio" else f"a {kind}"
