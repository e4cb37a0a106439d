"""JSON files that contain their own checksum: what a run leaves for a later one.

A file that was changed in any way is damaged, so its readers need not check the values.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from barcodeembed.bundles.manifest import canonical_json, read_object
from barcodeembed.errors import BundleError

_SUM = "sha256"


def with_sum(values: dict[str, Any]) -> bytes:
    """Return an object as JSON with its checksum, which `read_with_sum` compares."""
    written = json.loads(json.dumps(values))
    return (json.dumps({**written, _SUM: _digest(written)}, indent=2) + "\n").encode()


def read_with_sum(path: Path) -> dict[str, Any]:
    """Return the object in a file of `with_sum`. Raises BundleError if it was changed."""
    values = read_object(path)
    if values.pop(_SUM, None) != _digest(values):
        raise BundleError(f"{path}: checksum mismatch; the file is damaged")
    return values


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()
