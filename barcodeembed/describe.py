"""What a bundle of either kind says of itself. Needs neither torch nor faiss."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from barcodeembed.errors import BundleError
from barcodeembed.index.tables import read_table
from barcodeembed.manifest import open_bundle, read_json, read_manifest
from barcodeembed.model.config import ModelConfig


def describe(path: str | PathLike[str], *, verify: bool = True) -> dict[str, Any]:
    """Return what a model or index bundle is, as names and values fit to print.

    Raises BundleError where it is neither, or not whole.
    """
    bundle = Path(path)
    kind = read_manifest(bundle, "a model or index bundle").get("kind")
    describers = {"model": _describe_model, "index": _describe_index}
    if kind not in describers:
        raise BundleError(f"{bundle}: is a bundle of kind {kind!r}, neither model nor index")
    manifest = open_bundle(bundle, kind, 1, verify=verify)
    size = sum(entry["bytes"] for entry in manifest["files"].values())
    return {
        "kind": kind,
        "made_by": manifest["made_by"],
        "format_version": manifest["format_version"],
        "megabytes": round(size / 1e6, 2),
        **describers[kind](bundle, manifest),
    }


def _describe_model(bundle: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    values = read_json(bundle / "config.json")
    config = ModelConfig.from_json(values["model"])
    return {
        "fingerprint": manifest["fingerprint"],
        "max_bases": config.max_bases,
        "model": config.to_json(),
        "training": values.get("training", {}),
    }


def _describe_index(bundle: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    settings = read_json(bundle / "config.json")
    calibration = read_json(bundle / "calibration.json")
    suffix = ".tsv.gz" if "prototypes" in settings else ".tsv"
    taxa = _count_taxa(bundle / f"lineages{suffix}")
    return {
        **settings,
        "taxa": taxa,
        "similarity of even odds, by rank": {
            rank: calibration[rank]["midpoint"] for rank in taxa if rank in calibration
        },
    }


def _count_taxa(path: Path) -> dict[str, int]:
    header, rows = read_table(path)
    columns = zip(header, zip(*rows, strict=True), strict=True)
    counts = {rank: len(set(names) - {"NA"}) for rank, names in columns}
    return {rank: count for rank, count in counts.items() if count}
