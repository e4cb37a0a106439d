"""Describe a model or index bundle. Needs neither torch nor faiss."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from barcodeembed.bundles.checks import field, reading
from barcodeembed.bundles.manifest import open_bundle, read_manifest, read_object
from barcodeembed.bundles.tables import read_table
from barcodeembed.errors import BundleError
from barcodeembed.index.files import read_settings
from barcodeembed.index.settings import INDEX_FORMAT, outdated
from barcodeembed.index.validation import check_calibration, check_lineages
from barcodeembed.model.config import MODEL_FORMAT, ModelConfig
from barcodeembed.taxonomy.ranks import RANKS


def describe(path: str | PathLike[str], *, verify: bool = True) -> dict[str, Any]:
    """Return a description of a model or index bundle, as names and values to print.

    Raises BundleError if the bundle is neither a model nor an index, or is damaged.
    """
    bundle = Path(path)
    kind = read_manifest(bundle, "a model or index bundle").get("kind")
    describers = {
        "model": (_describe_model, MODEL_FORMAT),
        "index": (_describe_index, INDEX_FORMAT),
    }
    if not isinstance(kind, str) or kind not in describers:
        raise BundleError(f"{bundle}: is a bundle of kind {kind!r}; expected a model or an index")
    describer, newest = describers[kind]
    manifest = open_bundle(bundle, kind, newest, verify=verify)
    size = sum(entry["bytes"] for entry in manifest["files"].values())
    return {
        "kind": kind,
        "made_by": manifest.get("made_by"),
        "format_version": manifest["format_version"],
        "megabytes": round(size / 1e6, 2),
        **describer(bundle, manifest),
    }


def _describe_model(bundle: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    values = read_object(bundle / "config.json")
    with reading(bundle / "config.json"):
        config = ModelConfig.from_json(field(values, "model", dict))
        return {
            "fingerprint": manifest.get("fingerprint"),
            "max_bases": config.max_bases,
            "weights": values.get("weights", "fp32"),
            "model": config.to_json(),
            "training": values.get("training", {}),
        }


def _describe_index(bundle: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest["format_version"] < INDEX_FORMAT:
        raise BundleError(outdated(bundle))
    settings = read_settings(bundle)
    suffix = ".tsv.gz" if settings.prototypes else ".tsv"
    lineages = _read_lineages(bundle / f"lineages{suffix}")
    taxa = _count_taxa(lineages)
    calibration = read_object(bundle / "calibration.json")
    with reading(bundle / "calibration.json"):
        check_calibration(calibration, list(taxa))
    ranks = calibration["ranks"]
    return {
        **settings.to_json(),
        "taxa": taxa,
        "calibration_error": {rank: ranks[rank]["report"]["calibration_error"] for rank in taxa},
        "fraction_named": {rank: ranks[rank]["report"]["coverage"]["0.95"] for rank in taxa},
        "species_by_order": _count_species(lineages),
    }


def _read_lineages(path: Path) -> list[dict[str, str]]:
    """Return the names of every lineage by rank, without unknown ranks."""
    with reading(path):
        header, rows = read_table(path)
        check_lineages(header, rows)
    named = (zip(header, row, strict=True) for row in rows)
    return [{rank: name for rank, name in taxa if name != "NA"} for taxa in named]


def _count_taxa(lineages: list[dict[str, str]]) -> dict[str, int]:
    counts = {rank: len({taxa[rank] for taxa in lineages if rank in taxa}) for rank in RANKS}
    return {rank: count for rank, count in counts.items() if count}


def _count_species(lineages: list[dict[str, str]]) -> dict[str, int]:
    """Count the species of each order, the order with the most species first."""
    orders: dict[str, set[str]] = {}
    for taxa in lineages:
        if "order" in taxa:
            orders.setdefault(taxa["order"], set()).update({taxa.get("species", "")} - {""})
    counts = {order: len(species) for order, species in orders.items()}
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
