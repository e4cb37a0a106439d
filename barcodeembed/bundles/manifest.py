"""Bundles: directories whose manifest holds the size and sha256 of every file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from barcodeembed import __version__
from barcodeembed.errors import BundleError

MANIFEST = "manifest.json"


def canonical_json(values: Any) -> str:
    """Return JSON with sorted keys and no spare space, one text for one value."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest_file(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(bundle: Path, kind: str, format_version: int, **extra: Any) -> None:
    """Write the manifest of the files now in ``bundle``, as the last of them."""
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
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file of a bundle; raises BundleError where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path}: missing; the bundle is not whole") from None
    except (ValueError, OSError) as error:
        raise BundleError(f"{path}: cannot be read as JSON: {error}") from None


def read_manifest(bundle: Path, expected: str) -> dict[str, Any]:
    """Read a bundle's manifest, of whatever kind it is. Raises BundleError."""
    if not bundle.is_dir():
        problem = "is a file, not a bundle directory" if bundle.exists() else "does not exist"
        raise BundleError(f"{bundle}: {problem}; expected {expected} made by barcodeembed")
    if not (bundle / MANIFEST).is_file():
        raise BundleError(f"{bundle}: has no {MANIFEST}; it is not {expected}")
    manifest = read_json(bundle / MANIFEST)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise BundleError(f"{bundle / MANIFEST}: damaged: it is no manifest")
    return manifest


def kind_of(bundle: Path) -> str | None:
    """Return the kind that a directory's manifest gives it; None where it is no bundle."""
    try:
        return read_manifest(bundle, "a bundle").get("kind")
    except BundleError:
        return None


def open_bundle(
    bundle: Path, kind: str, format_version: int, *, verify: bool = True
) -> dict[str, Any]:
    """Read and check a bundle's manifest, and with ``verify`` the sum of every file.

    Raises BundleError, naming the file, where anything is missing, damaged, of another kind, or
    made by a newer format.
    """
    manifest = read_manifest(bundle, _a(kind))
    if manifest.get("kind") != kind:
        raise BundleError(f"{bundle}: is {_a(str(manifest.get('kind')))}, not {_a(kind)}")
    found = manifest.get("format_version")
    if not isinstance(found, int) or found > format_version:
        raise BundleError(
            f"{bundle}: format {found} is newer than this version reads ({format_version}); "
            f"it was made by {manifest.get('made_by')}"
        )
    for name, entry in manifest["files"].items():
        _check_file(bundle / name, entry, verify)
    return manifest


def _check_file(path: Path, entry: Any, verify: bool) -> None:
    if not path.is_file():
        raise BundleError(f"{path}: missing; the bundle is not whole")
    try:
        size, digest = entry["bytes"], entry["sha256"]
    except (TypeError, KeyError):
        raise BundleError(f"{path}: the manifest gives no size and sum for it") from None
    if path.stat().st_size != size:
        raise BundleError(f"{path}: {path.stat().st_size} bytes, the manifest says {size}; damaged")
    if verify and digest_file(path) != digest:
        raise BundleError(f"{path}: checksum mismatch; the file is damaged")


def _a(kind: str) -> str:
    return f"an {kind}" if kind[:1] in "aeio" else f"a {kind}"
